using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Serving;

/// <summary>
/// Something that happened in a turn of the assistant's. Of each message: it begins, its text comes, it ends; one message at a time.
/// </summary>
/// <param name="Kind">What the message is.</param>
public abstract record TurnEvent(MessageKind Kind);

/// <summary>A message began: its header is complete.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Recipient">To whom a call goes, such as <c>functions.get_weather</c>; null for what is not a call.</param>
public sealed record MessageBegun(MessageKind Kind, string? Recipient) : TurnEvent(Kind);

/// <summary>Text of the message that is open.</summary>
/// <param name="Kind">What the message is.</param>
/// <param name="Text">Whole characters, at least one.</param>
/// <param name="LogProbabilities">
/// Those of the tokens that begin in this text, where they were asked for and the message is a preamble or an answer; else empty.
/// </param>
public sealed record MessageText(MessageKind Kind, string Text, IReadOnlyList<LogProbabilities> LogProbabilities) : TurnEvent(Kind);

/// <summary>The open message ended.</summary>
/// <param name="Kind">What it was.</param>
/// <param name="Message">The whole message, cut before a stop text.</param>
/// <param name="IsWhole">False where the generation ended inside it.</param>
public sealed record MessageEnded(MessageKind Kind, Message Message, bool IsWhole) : TurnEvent(Kind);
