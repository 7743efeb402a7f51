using GptOss.Reference.Generation;

namespace GptOss.Reference.Serving;

/// <summary>A prompt and how it is to be continued.</summary>
public sealed record ServingRequest
{
    private readonly int _maxTokens = int.MaxValue, _choices = 1;

    /// <summary>The prompt's ids.</summary>
    public required ReadOnlyMemory<int> Prompt { get; init; }

    /// <summary>How tokens are chosen. Choice i draws with seed + i.</summary>
    public SamplingOptions Sampling { get; init; }

    /// <summary>Changes to the logits before the choice; null for none.</summary>
    public TokenPenalties? Penalties { get; init; }

    /// <summary>Most tokens of each answer; the end of the context ends it too.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxTokens
    {
        get => _maxTokens;
        init => _maxTokens = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxTokens), value, "An answer has at least 1 token.");
    }

    /// <summary>Tokens that end an answer; they are part of it.</summary>
    public IReadOnlySet<int> StopTokens { get; init; } = new HashSet<int>();

    /// <summary>What the answers may say, at its beginning; each answer forks it. Null for anything.</summary>
    public TokenConstraint? Constraint { get; init; }

    /// <summary>
    /// Whether the last tokens of the budget close an answer that a constraint binds, so that it is well-formed though cut. Where not even the
    /// shortest answer fits, the request is refused.
    /// </summary>
    public bool CloseOnBudget { get; init; }

    /// <summary>How many answers; the prompt is read once for all of them.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int Choices
    {
        get => _choices;
        init => _choices = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Choices), value, "A request has at least 1 answer.");
    }

    /// <summary>How many alternatives come with each token's log-probability; null for no log-probabilities.</summary>
    public int? TopLogProbabilities { get; init; }

    /// <summary>Who asks: waiting requests of different owners take turns.</summary>
    public string Owner { get; init; } = "";
}
