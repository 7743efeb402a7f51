namespace GptOss.Reference.Generation;

/// <summary>How a token is chosen from logits. The default value is greedy. <see cref="Sampler"/> says exactly what each filter keeps.</summary>
public readonly record struct SamplingOptions
{
    private readonly double _temperature;
    private readonly int _topK;
    private readonly double? _topP;         // null is 1, so that the default value filters nothing
    private readonly double _minP;

    /// <summary>No filters, temperature 0, seed 0.</summary>
    public SamplingOptions() { }

    /// <summary>Divides the logits; 0 means greedy, whatever the filters. 1 samples the model's own distribution.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative, infinite or NaN.</exception>
    public double Temperature
    {
        get => _temperature;
        init => _temperature = double.IsFinite(value) && value >= 0 ? value
            : throw new ArgumentOutOfRangeException(nameof(Temperature), value, "The temperature is a finite number of at least 0.");
    }

    /// <summary>Keeps this many tokens of largest logit; 0 keeps all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int TopK
    {
        get => _topK;
        init => _topK = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(TopK), value, "Top-k is a count of tokens, or 0 for all.");
    }

    /// <summary>Keeps the fewest most probable tokens that have this much probability together; 1 keeps all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1, or NaN.</exception>
    public double TopP
    {
        get => _topP ?? 1;
        init => _topP = value is >= 0 and < 1 ? value : value == 1 ? null
            : throw new ArgumentOutOfRangeException(nameof(TopP), value, "Top-p is a probability, 0 to 1.");
    }

    /// <summary>Keeps tokens at least this probable relative to the most probable one; 0 keeps all.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Outside 0 to 1, or NaN.</exception>
    public double MinP
    {
        get => _minP;
        init => _minP = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MinP), value, "Min-p is a ratio, 0 to 1.");
    }

    /// <summary>Seed of the draws: with the same logits and step, the same seed draws the same token.</summary>
    public ulong Seed { get; init; }
}
