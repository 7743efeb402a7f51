namespace GptOss.Reference.Generation;

/// <summary>A token that was just chosen.</summary>
/// <param name="Id">Its id.</param>
/// <param name="IsStop">Whether it is a stop token, which ends the continuation and is not part of the text.</param>
/// <param name="Text">
/// Text that is certain now: whole characters, and nothing that may yet turn out to be a stop text. Often empty, or of earlier tokens.
/// </param>
/// <param name="LogProbabilities">Where they were asked for.</param>
public readonly record struct GeneratedToken(int Id, bool IsStop, string Text, LogProbabilities? LogProbabilities)
{
    /// <summary>Why the continuation ends with this token; null before the last one, and where the result says it.</summary>
    public FinishReason? End { get; init; }
}

/// <summary>A whole continuation.</summary>
public sealed record GenerationResult
{
    /// <summary>The new tokens, a stop token included.</summary>
    public required IReadOnlyList<int> Ids { get; init; }

    /// <summary>Their decoding: special tokens by name, without the stop token, cut before a stop text.</summary>
    public required string Text { get; init; }

    /// <summary>The end of <see cref="Text"/> that came with no token: an unfinished character, or what began like a stop text.</summary>
    public required string Rest { get; init; }

    /// <summary>Why it ended.</summary>
    public required FinishReason FinishReason { get; init; }

    /// <summary>Tokens of the prompt that were read: all of them, unless cancelled.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>One for each of <see cref="Ids"/>; null where they were not asked for.</summary>
    public required IReadOnlyList<LogProbabilities>? LogProbabilities { get; init; }

    /// <summary>Fingerprint of every row a token was chosen from, in order; see <see cref="Model.LogitsHash"/>.</summary>
    public required string LogitsHash { get; init; }

    /// <summary>Tokens that were guessed ahead and fed along; see <see cref="GenerationOptions.Speculate"/>.</summary>
    public required int DraftedTokens { get; init; }

    /// <summary>Those of them that were right, and so cost no pass of their own.</summary>
    public required int AcceptedTokens { get; init; }

    /// <summary>Time to read the prompt, until its last row of logits.</summary>
    public required TimeSpan PrefillTime { get; init; }

    /// <summary>Time from there to the end.</summary>
    public required TimeSpan DecodeTime { get; init; }
}
