using System.Buffers;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Generation;

/// <summary>A token and the natural logarithm of its probability.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">ln p, at most 0; −∞ for a logit of −∞.</param>
public readonly record struct TokenLogProbability(int Id, double LogProbability);

/// <summary>Log-probabilities of one row: those of the chosen token and of the most probable ones, before temperature and filters.</summary>
/// <param name="Chosen">The chosen token.</param>
/// <param name="Top">The most probable tokens: logit descending, then id ascending.</param>
public sealed record LogProbabilities(TokenLogProbability Chosen, IReadOnlyList<TokenLogProbability> Top)
{
    /// <summary>ln softmax(logits) = (logit − largest) − ln Σ exp(logit − largest), in double, summed in ascending id.</summary>
    /// <param name="logits">One row, one value per id. Logits of +∞ share the probability equally.</param>
    /// <param name="chosen">The chosen id.</param>
    /// <param name="top">How many of the most probable tokens; at most all are given.</param>
    /// <exception cref="LogitsException">A logit is NaN, or all are −∞.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="chosen"/> is no id of the row, or <paramref name="top"/> is negative.
    /// </exception>
    public static LogProbabilities Of(ReadOnlySpan<float> logits, int chosen, int top)
    {
        float largest = logits[LogitOrder.First(logits)];
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfNegative(chosen);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(chosen, logits.Length);

        double sum = 0;
        foreach (float logit in logits) sum += LogitOrder.Weight(logit, largest, temperature: 1);
        double lnSum = Elementary.Ln(sum);

        var best = new TokenLogProbability[Math.Min(top, logits.Length)];
        if (best.Length > 0)
        {
            ulong[] rented = ArrayPool<ulong>.Shared.Rent(logits.Length);
            Span<ulong> heap = rented.AsSpan(0, logits.Length);
            for (int id = 0; id < logits.Length; id++) heap[id] = LogitOrder.Key(logits[id], id);
            LogitOrder.Heapify(heap);
            for (int i = 0; i < best.Length; i++) best[i] = At(logits, LogitOrder.Id(LogitOrder.Pop(ref heap)), largest, lnSum);
            ArrayPool<ulong>.Shared.Return(rented);
        }

        return new LogProbabilities(At(logits, chosen, largest, lnSum), best);
    }

    private static TokenLogProbability At(ReadOnlySpan<float> logits, int id, float largest, double lnSum) =>
        new(id, (logits[id] == largest ? 0 : (double)logits[id] - largest) - lnSum);
}
