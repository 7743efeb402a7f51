using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>Attention of one width and profile: chooses how each token's work is divided among the workers.</summary>
internal sealed unsafe class AttentionKernelsOfWidth<TBlock, TVector, TProfile>(WorkerPool pool) : AttentionKernels
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    /// <summary>Keys from which splitting a token's attention is worth two more barriers.</summary>
    private const int SplitKeys = 1024;

    private Memory<float> _scores;

    internal override void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output)
    {
        int heads = sinks.Length;
        Shapes.Require(q.Width == heads * headDim && output.Width == q.Width && output.Count == q.Count && rows.Length >= q.Count
            && heads % keyValueHeads == 0, q, output, heads, headDim);
        if (q.Count == 0)
            return;
        float scale = (float)(1 / Math.Sqrt(headDim));
        fixed (float* from = &q.First, to = &output.First, sink = sinks)
        {
            int splitFrom = SplitFrom(rows.AsSpan(0, q.Count), keyValueHeads, window), split = 0;
            for (int row = 0; row < q.Count; row++)
            {
                if (rows[row].Keys(window) < splitFrom)
                    continue;
                AttendSplit(rows[row], from + (nint)row * q.Stride, sink, keyValueHeads, heads / keyValueHeads, headDim, window, scale,
                    to + (nint)row * output.Stride);
                split++;
            }
            if (split == q.Count)
                return;
            SinkAttentionJob<TBlock, TVector, TProfile> job =
                new(rows, q.Count, splitFrom, from, q.Stride, sink, keyValueHeads, heads / keyValueHeads, headDim, window ?? 0, scale, to,
                    output.Stride);
            pool.Run(ref job);
        }
    }

    /// <summary>
    /// The number of keys from which all workers share the attention of a token. With fewer, each of its key/value heads goes to one worker whole.
    /// </summary>
    /// <remarks>
    /// Splitting pays if the units are few and do not divide evenly among the workers, or if a token has so many more keys than the rest that all
    /// others would wait for its worker.
    /// </remarks>
    private int SplitFrom(ReadOnlySpan<QueryRow> rows, int keyValueHeads, int? window)
    {
        int units = rows.Length * keyValueHeads;
        if (pool.Count == 1)
            return int.MaxValue;
        if (units % pool.Count != 0 && units < 8 * pool.Count)
            return SplitKeys;
        long keys = 0;
        foreach (QueryRow row in rows)
            keys += row.Keys(window);
        return (int)Math.Max(SplitKeys, Math.Min(int.MaxValue, 3 * keys / (2 * rows.Length) + 1));
    }

    private void AttendSplit(
        QueryRow row, float* q, float* sinks, int keyValueHeads, int queriesPerHead, int headDim, int? window, float scale, float* output)
    {
        int keys = row.Keys(window), heads = keyValueHeads * queriesPerHead,
            floats = SplitAttentionJob<TBlock, TVector, TProfile>.ScratchFloats(heads, keys);
        if (_scores.Length < floats)
            _scores = AlignedBuffer.Allocate<float>(Math.Max(floats, (int)Math.Min(2L * _scores.Length, int.MaxValue / 2)));
        fixed (float* scores = _scores.Span)
        {
            SplitAttentionJob<TBlock, TVector, TProfile> job = new()
            {
                Cache = row.Cache, First = row.Position + 1 - keys, Keys = keys, Q = q, Sinks = sinks, KeyValueHeads = keyValueHeads,
                QueriesPerHead = queriesPerHead,
                HeadDim = headDim, Scale = scale, Output = output, Scores = scores, Denominators = scores + floats - heads,
            };
            SplitAttentionJob<TBlock, TVector, TProfile>.Run(pool, ref job);
        }
    }

    internal override float Probabilities(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float sink, Span<float> probabilities) =>
        AttentionProbabilities<TBlock, TVector, TProfile>.Compute(row, q, keyValueHead, (float)(1 / Math.Sqrt(q.Length)), sink, probabilities);
}
