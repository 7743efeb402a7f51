using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>How a turn ended.</summary>
public enum TurnEnd
{
    /// <summary>With an answer.</summary>
    Answered,

    /// <summary>The model ended its turn and gave no answer.</summary>
    NoAnswer,

    /// <summary>After as many tokens as were allowed.</summary>
    TooLong,

    /// <summary>The turn alone fills the context.</summary>
    ContextFull,

    /// <summary>After as many calls as were allowed.</summary>
    TooManyCalls,

    /// <summary>The caller stopped it.</summary>
    Cancelled,
}

/// <summary>A finished turn.</summary>
public sealed record TurnResult
{
    /// <summary>What the model said to the user; empty if nothing.</summary>
    public required string Answer { get; init; }

    /// <summary>What was added to the conversation: the user's message, the model's, and the tools'.</summary>
    public required IReadOnlyList<Message> Messages { get; init; }

    /// <summary>How it ended.</summary>
    public required TurnEnd End { get; init; }

    /// <summary>Tokens of the prompt that the turn began with.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Tokens of it that were still in the cache.</summary>
    public required int ReusedTokens { get; init; }

    /// <summary>Tokens that were read: the rest of the prompt, and what tools answered.</summary>
    public required int ReadTokens { get; init; }

    /// <summary>Tokens that the model wrote.</summary>
    public required int WrittenTokens { get; init; }

    /// <summary>Calls that were answered.</summary>
    public required int Calls { get; init; }

    /// <summary>Turns that were left out of the prompt during this one.</summary>
    public required int ForgottenTurns { get; init; }

    /// <summary>Time spent on reading.</summary>
    public required TimeSpan ReadTime { get; init; }

    /// <summary>Time spent on writing.</summary>
    public required TimeSpan WriteTime { get; init; }
}
