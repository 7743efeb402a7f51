namespace GptOss.Reference.Generation;

/// <summary>How a prompt is continued. The default is greedy, 512 tokens, with no stops of its own.</summary>
public sealed record GenerationOptions
{
    /// <summary>How each token is chosen.</summary>
    public SamplingOptions Sampling { get; init; }

    /// <summary>The most new tokens, a stop token included; the context may end earlier.</summary>
    public int MaxTokens { get; init; } = 512;

    /// <summary>Ids that end the continuation; see <see cref="Generation.StopTokens"/>. The stop token is part of the ids, not of the text.</summary>
    public IReadOnlyCollection<int> StopTokens { get; init; } = [];

    /// <summary>
    /// Texts that end the continuation as soon as the decoded text, special tokens by name, contains one. The text is cut before it; the ids keep
    /// the tokens that spelled it.
    /// </summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>How many of the most probable tokens to report at each step, beside the chosen one; null reports no log-probabilities.</summary>
    public int? TopLogProbabilities { get; init; }
}
