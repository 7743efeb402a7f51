namespace GptOss.Reference.Generation;

/// <summary>How a prompt is continued. The default is greedy, 512 tokens, with no stops of its own.</summary>
public sealed record GenerationOptions
{
    /// <summary>How each token is chosen.</summary>
    public SamplingOptions Sampling { get; init; }

    /// <summary>The most new tokens, a stop token included; the context may end earlier.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxTokens
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxTokens), value, "A continuation has at least 1 token.");
    } = 512;

    /// <summary>Ids that end the continuation; see <see cref="Generation.StopTokens"/>. The stop token is part of the ids, not of the text.</summary>
    public IReadOnlyCollection<int> StopTokens
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(StopTokens));
    } = [];

    /// <summary>
    /// Texts that end the continuation as soon as the decoded text, special tokens by name, contains one. The text is cut before it; the ids keep
    /// the tokens that spelled it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">One is empty, and so in every text.</exception>
    public IReadOnlyList<string> StopTexts
    {
        get;
        init
        {
            StopText.Require(value, nameof(StopTexts));
            field = value;
        }
    } = [];

    /// <summary>Changes to the logits before the choice; null for none.</summary>
    public TokenPenalties? Penalties { get; init; }

    /// <summary>
    /// Whether an answer that a constraint binds is closed before <see cref="MaxTokens"/> or the context ends it, so that it is well-formed though
    /// cut. Near the end tokens are refused after which it could not be closed in time. Where not even the shortest answer fits, a
    /// <see cref="BudgetException"/> says so before the first token.
    /// </summary>
    public bool CloseOnBudget { get; init; }

    /// <summary>
    /// What the continuation may say; null for anything. It is forked for every continuation, so one serves any number of them. Tokens that it leaves
    /// no choice about are taken without the model, unless log-probabilities are asked for.
    /// </summary>
    public TokenConstraint? Constraint { get; init; }

    /// <summary>
    /// The most tokens to guess ahead, 0 for none: what followed the last tokens where they stood before, in prompt or answer, is fed along and
    /// checked in one pass, where that is faster by what was observed. Changes no bit of the result. 0 unless stated: a pass for each token.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 to 32.</exception>
    public int Speculate
    {
        get;
        init => field = Checked(value, nameof(Speculate));
    }

    /// <summary>How many of the most probable tokens to report at each step, beside the chosen one; null reports no log-probabilities.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int? TopLogProbabilities
    {
        get;
        init => field = value is null or >= 0 ? value
            : throw new ArgumentOutOfRangeException(nameof(TopLogProbabilities), value,
                "The number of most probable tokens is at least 0, or null for no log-probabilities.");
    }

    /// <summary>The most tokens to guess ahead in conversations and for a server's users, who repeat much of what stands before.</summary>
    internal const int UsualSpeculation = 8;

    /// <summary>A number of tokens to guess ahead.</summary>
    internal static int Checked(int speculate, string name) => speculate is >= 0 and <= Drafting.Limit ? speculate
        : throw new ArgumentOutOfRangeException(name, speculate, $"From 0 to {Drafting.Limit} tokens are guessed ahead.");
}
