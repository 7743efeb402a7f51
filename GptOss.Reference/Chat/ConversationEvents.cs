using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>What a part of an answer is for.</summary>
public enum MessageKind
{
    /// <summary>For the user: <c>final</c>, and what states no channel or an unknown one.</summary>
    Answer,

    /// <summary>The chain of thought: <c>analysis</c>.</summary>
    Analysis,

    /// <summary>For the user, ahead of calls: <c>commentary</c> without a recipient.</summary>
    Preamble,

    /// <summary>For a tool.</summary>
    Call,
}

/// <summary>What a message of the assistant is for.</summary>
public static class MessageKinds
{
    /// <summary>By channel and recipient. A message to nobody, <c>all</c>, <c>user</c> or <c>assistant</c> calls nothing.</summary>
    public static MessageKind Of(string? channel, string? recipient) =>
        recipient is not (null or "" or "all" or "user" or "assistant") ? MessageKind.Call
        : channel == "analysis" ? MessageKind.Analysis
        : channel == "commentary" ? MessageKind.Preamble
        : MessageKind.Answer;

    /// <summary>Of a whole message.</summary>
    public static MessageKind Of(Message message)
    {
        ArgumentNullException.ThrowIfNull(message);
        return Of(message.Channel, message.Recipient);
    }
}

/// <summary>Something that happened during a turn, told as it happens.</summary>
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

/// <summary>The conversation outgrew the context: its oldest turns are kept and no longer shown to the model.</summary>
/// <param name="Now">Turns left out just now.</param>
/// <param name="Total">Turns left out altogether.</param>
public sealed record TurnsForgotten(int Now, int Total) : ConversationEvent;

/// <summary>The model broke the format and the parser mended it.</summary>
public sealed record Mended(Repair Repair) : ConversationEvent;

/// <summary>The model wrote a message in somebody else's name. It was shown the model as written, and is not kept.</summary>
public sealed record ForeignMessage(Message Message) : ConversationEvent;
