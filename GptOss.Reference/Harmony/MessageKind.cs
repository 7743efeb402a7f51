namespace GptOss.Reference.Harmony;

/// <summary>What a message of the assistant is to the people and programs that receive it.</summary>
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
    /// <summary>By channel and recipient. A message to no one, <c>all</c>, <c>user</c> or <c>assistant</c> calls nothing.</summary>
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
