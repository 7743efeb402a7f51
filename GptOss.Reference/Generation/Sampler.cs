using System.Numerics;

namespace GptOss.Reference.Generation;

/// <summary>Chooses a token from a row of logits: the same one for the same row, options and step, on every machine.</summary>
/// <remarks>
/// <para>Order below means logit descending, then id ascending. At temperature 0 the first token in that order is chosen. Otherwise:</para>
/// <list type="number">
/// <item>Weight of a token: w = exp((logit − largest) / temperature), in double; exactly 1 for the largest. If logits are +∞, those
/// tokens share everything equally; −∞ is never drawn.</item>
/// <item>Top-k keeps the first k in order; a tie at the edge goes to the smaller id.</item>
/// <item>Top-p keeps, of what is left, the shortest prefix in order whose summed weight reaches p · (weight of all that is left); at least one
/// token.</item>
/// <item>Min-p keeps, of what is left, each token with w ≥ min-p, that is relative to the most probable one.</item>
/// <item>The draw: u in [0, 1) from (seed, step); the chosen token is the first, in ascending id, at which the running sum of the
/// weights of what is left exceeds u · (their sum).</item>
/// </list>
/// <para>Sums run in ascending id, except the prefix sum of top-p, which runs in order; so a filter that removes nothing changes
/// nothing. exp is our own.</para>
/// <para>Under a mask the choice is that from a row whose other logits are −∞; they are not looked at. Holds its buffers between steps; for
/// one thread.</para>
/// </remarks>
public sealed class Sampler
{
    private ulong[] _keys = [];
    private int[] _ids = [];
    private double[] _weights = [];

    /// <summary>Chooses the token of one step.</summary>
    /// <param name="logits">One row, one value per id.</param>
    /// <param name="options">Temperature, filters, seed.</param>
    /// <param name="step">Number of the draw, such as the position of the token that is chosen.</param>
    /// <returns>The chosen id.</returns>
    /// <exception cref="LogitsException">A logit is NaN, or all are −∞.</exception>
    /// <exception cref="ArgumentException">The row is empty.</exception>
    public int Choose(ReadOnlySpan<float> logits, in SamplingOptions options, long step)
    {
        int first = LargestLogit.First(logits);
        if (options.Temperature == 0)
            return first;

        Reserve(logits.Length);
        for (int id = 0; id < logits.Length; id++)
            _ids[id] = id;
        return Choose(logits, logits[first], options, _ids.AsSpan(0, logits.Length), step);
    }

    /// <summary>Chooses the token of one step among the allowed ones.</summary>
    /// <param name="logits">One row, one value per id.</param>
    /// <param name="options">Temperature, filters, seed.</param>
    /// <param name="step">Number of the draw, such as the position of the token that is chosen.</param>
    /// <param name="allowed">Bit <c>id % 64</c> of word <c>id / 64</c>: whether an id may be chosen. Bits from the row's length on are not looked
    /// at.</param>
    /// <returns>The chosen id.</returns>
    /// <exception cref="LogitsException">An allowed logit is NaN, all are −∞, or none is allowed.</exception>
    /// <exception cref="ArgumentException">The row is empty, or the mask is too short for it.</exception>
    public int Choose(ReadOnlySpan<float> logits, in SamplingOptions options, long step, ReadOnlySpan<ulong> allowed)
    {
        int first = LargestLogit.First(logits, allowed);
        if (options.Temperature == 0)
            return first;

        Reserve(logits.Length);
        int count = 0;
        for (int word = 0; word < TokenConstraint.MaskWords(logits.Length); word++)
        {
            for (ulong bits = allowed[word]; bits != 0; bits &= bits - 1)
            {
                int id = word * 64 + BitOperations.TrailingZeroCount(bits);
                if (id < logits.Length)
                    _ids[count++] = id;
            }
        }

        return Choose(logits, logits[first], options, _ids.AsSpan(0, count), step);
    }

    private int Choose(ReadOnlySpan<float> logits, float largest, in SamplingOptions options, Span<int> left, long step)
    {
        Span<int> kept = KeepFirst(logits, options.TopK, left);
        if (options.TopP < 1)
            kept = KeepPrefix(logits, largest, options.Temperature, options.TopP, kept);
        return Draw(logits, largest, options, kept, CounterRandom.Uniform(options.Seed, step));
    }

    // The first k ids in order, all of them for k = 0; in ascending id.
    private Span<int> KeepFirst(ReadOnlySpan<float> logits, int k, Span<int> left)
    {
        if (k == 0 || k >= left.Length)
            return left;

        Span<ulong> heap = _keys.AsSpan(0, left.Length);
        for (int i = 0; i < left.Length; i++)
            heap[i] = LogitOrder.Key(logits[left[i]], left[i]);
        LogitOrder.Heapify(heap);
        Span<int> kept = left[..k];
        for (int i = 0; i < k; i++)
            kept[i] = LogitOrder.Id(LogitOrder.Pop(ref heap));
        kept.Sort();
        return kept;
    }

    // The shortest prefix in order that reaches the wanted share; in ascending id again.
    private Span<int> KeepPrefix(ReadOnlySpan<float> logits, float largest, double temperature, double share, Span<int> left)
    {
        double total = 0;
        Span<ulong> heap = _keys.AsSpan(0, left.Length);
        for (int i = 0; i < left.Length; i++)
        {
            total += LogitOrder.Weight(logits[left[i]], largest, temperature);
            heap[i] = LogitOrder.Key(logits[left[i]], left[i]);
        }

        LogitOrder.Heapify(heap);
        double enough = share * total, reached = 0;
        int count = 0;
        do
        {
            int id = LogitOrder.Id(LogitOrder.Pop(ref heap));
            reached += LogitOrder.Weight(logits[id], largest, temperature);
            left[count++] = id;
        }
        while (reached < enough && !heap.IsEmpty);

        Span<int> kept = left[..count];
        kept.Sort();
        return kept;
    }

    private int Draw(ReadOnlySpan<float> logits, float largest, in SamplingOptions options, ReadOnlySpan<int> left, double u)
    {
        double total = 0;
        for (int i = 0; i < left.Length; i++)
        {
            double weight = LogitOrder.Weight(logits[left[i]], largest, options.Temperature);
            _weights[i] = weight >= options.MinP ? weight : 0;
            total += _weights[i];
        }

        // u < 1 and total ≥ 1, so the last running sum, which is the total, always exceeds the mark.
        double mark = u * total, sum = 0;
        int at = 0;
        while ((sum += _weights[at]) <= mark)
            at++;
        return left[at];
    }

    private void Reserve(int count)
    {
        if (_ids.Length >= count)
            return;
        _keys = new ulong[count];
        _ids = new int[count];
        _weights = new double[count];
    }
}
