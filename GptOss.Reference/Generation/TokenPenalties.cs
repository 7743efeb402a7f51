namespace GptOss.Reference.Generation;

/// <summary>Changes to logits before a token is chosen: logit + bias − frequency · count − presence · [count > 0], count of the tokens chosen so far.</summary>
/// <param name="Presence">Taken once from every token that was chosen already, in units of logits.</param>
/// <param name="Frequency">Taken for each time that a token was chosen.</param>
/// <param name="Bias">Added to the logits of these tokens.</param>
public sealed record TokenPenalties(float Presence, float Frequency, IReadOnlyDictionary<int, float> Bias)
{
    /// <summary>Changes a row in place. Every operation is one float32 rounding, in the order of the formula.</summary>
    /// <param name="logits">One row, one value per id.</param>
    /// <param name="counts">How often each id was chosen.</param>
    public void Apply(Span<float> logits, IReadOnlyDictionary<int, int> counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        foreach ((int id, float bias) in Bias)
        {
            if ((uint)id < (uint)logits.Length) logits[id] += bias;
        }

        foreach ((int id, int count) in counts)
        {
            float repeated = Frequency * count;
            logits[id] -= repeated;
            logits[id] -= Presence;
        }
    }
}
