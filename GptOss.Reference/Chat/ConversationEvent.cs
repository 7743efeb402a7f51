using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>Something that happened during a turn.</summary>
public abstract record ConversationEvent;

/// <summary>A chunk of the prompt has been read.</summary>
/// <param name="Read">Tokens of the prompt that have been read or were still in the cache.</param>
/// <param name="Total">Tokens of the prompt.</param>
/// <param name="Reused">Of those, the ones that were still in the cache.</param>
public sealed record PromptRead(int Read, int Total, int Reused) : ConversationEvent;

/// <summary>The model wrote a token.</summary>
/// <param name="Kind">What the message is for; of a message whose header is open, an answer.</param>
/// <param name="Delta">Text that became whole; null for none.</param>
public sealed record TokenWritten(MessageKind Kind, MessageDelta? Delta) : ConversationEvent;

/// <summary>The model finished a message.</summary>
public sealed record MessageWritten(MessageKind Kind, Message Message) : ConversationEvent;

/// <summary>A tool is about to run.</summary>
public sealed record CallStarted(Message Call) : ConversationEvent;

/// <summary>A call has its answer, or what is said to the model in its place.</summary>
/// <param name="Call">What the model wrote.</param>
/// <param name="Answer">A message of the tool to the assistant.</param>
/// <param name="Time">How long it took.</param>
public sealed record CallAnswered(Message Call, Message Answer, TimeSpan Time) : ConversationEvent;

/// <summary>The conversation outgrew the context: its oldest turns are kept, and prompts leave them out.</summary>
/// <param name="Now">Turns left out just now.</param>
/// <param name="Total">Turns left out altogether.</param>
public sealed record TurnsForgotten(int Now, int Total) : ConversationEvent;

/// <summary>The model broke the format and the parser mended it.</summary>
public sealed record Mended(Repair Repair) : ConversationEvent;

/// <summary>The model wrote a message in another's name. It stays among the tokens of this turn, and is not kept.</summary>
public sealed record ForeignMessage(Message Message) : ConversationEvent;

/// <summary>The turn is over; always the last event of one that did not fail.</summary>
/// <param name="Result">What came of it.</param>
public sealed record TurnEnded(TurnResult Result) : ConversationEvent;
