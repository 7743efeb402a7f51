using System.Buffers;

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
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfNegative(chosen);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(chosen, logits.Length);
        return Of(logits, LogSoftmax.Of(logits), chosen, top);
    }

    /// <summary>The same for a row whose softmax is known.</summary>
    internal static LogProbabilities Of(ReadOnlySpan<float> logits, LogSoftmax softmax, int chosen, int top)
    {
        var best = new TokenLogProbability[Math.Min(top, logits.Length)];
        if (best.Length > 0)
        {
            ulong[] rented = ArrayPool<ulong>.Shared.Rent(logits.Length);
            Span<ulong> heap = rented.AsSpan(0, logits.Length);
            for (int id = 0; id < logits.Length; id++)
                heap[id] = LogitOrder.Key(logits[id], id);
            LogitOrder.Heapify(heap);
            for (int i = 0; i < best.Length; i++)
                best[i] = At(LogitOrder.Id(LogitOrder.Pop(ref heap)), logits, softmax);
            ArrayPool<ulong>.Shared.Return(rented);
        }

        return new LogProbabilities(At(chosen, logits, softmax), best);
    }

    private static TokenLogProbability At(int id, ReadOnlySpan<float> logits, LogSoftmax softmax) => new(id, softmax.At(logits[id]));
}
