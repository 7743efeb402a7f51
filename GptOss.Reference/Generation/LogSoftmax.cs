using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Generation;

/// <summary>What turns the logits of one row into log-probabilities: ln p = (logit − largest) − ln Σ exp(logit − largest), in double.</summary>
/// <param name="Largest">The largest logit of the row.</param>
/// <param name="LnSum">ln Σ exp(logit − largest), summed in ascending id.</param>
internal readonly record struct LogSoftmax(float Largest, double LnSum)
{
    /// <summary>Reads a row, one value per id. Logits of +∞ share the probability equally.</summary>
    /// <exception cref="LogitsException">A logit is NaN, or all are −∞.</exception>
    internal static LogSoftmax Of(ReadOnlySpan<float> logits)
    {
        float largest = logits[LargestLogit.First(logits)];
        double sum = 0;
        foreach (float logit in logits) sum += LogitOrder.Weight(logit, largest, temperature: 1);
        return new(largest, Elementary.Ln(sum));
    }

    /// <summary>The log-probability that goes with a logit of the row: at most 0; −∞ for −∞.</summary>
    internal double At(float logit) => (logit == Largest ? 0 : (double)logit - Largest) - LnSum;
}
