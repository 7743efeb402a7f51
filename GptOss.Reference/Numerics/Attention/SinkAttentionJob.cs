using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>
/// Attention with a learned sink: o = Σ w_k·v_k, w_k = e^(s_k − M) / (Σ e^(s_j − M) + e^(sink − M)), M = max(s, sink), s_k = ⟨q, k⟩/√d over
/// the visible keys.
/// </summary>
/// <remarks>
/// <para>
/// A softmax gives away all of its weight, even if no key is worth attending to. The sink is one learned number for each head. It enters the softmax
/// like the score of one more key, but has no value: the weight that it takes goes nowhere. With two keys of score 0 and a sink of 0, each key weighs
/// 1/3 and so does the sink, so the output is two thirds of the mean of the values. With a sink of ln 8 it is two tenths, and the head is almost
/// silent; with a sink of −∞ this is plain attention. A head without a sink has to park that weight on some token, usually the first.
/// </para>
/// <para>
/// Two passes and no online rescaling, which would change bits. A token at position p sees the positions max(0, p − window + 1) … p. One worker
/// computes a (token, key/value head) pair whole: the query heads of the group share its reads, and only their scores are in memory. Sums run in
/// ascending k; the denominator's lane is (k − first visible) mod 16. Source: <c>gpt_oss/torch/model.py</c>, <c>sdpa</c>; arXiv 2309.17453 (why heads
/// park weight).
/// </para>
/// </remarks>
internal readonly unsafe struct SinkAttentionJob<TBlock, TVector, TProfile>(
    QueryRow[] rows, int count, int tooManyKeys, float* q, int qStride, float* sinks, int keyValueHeads, int queriesPerHead, int headDim, int window,
    float scale, float* output, int outputStride) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    private const int Tile = AttentionSteps<TBlock, TVector, TProfile>.TileKeys;

    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(count * keyValueHeads, 1, part, parts);
        for (int unit = begin; unit < end; unit++)
        {
            int token = unit / keyValueHeads, head = unit % keyValueHeads;
            if (rows[token].Keys(window > 0 ? window : null) >= tooManyKeys)
                continue;                                                   // split among all workers: SplitAttentionJob
            Attend(rows[token], head, q + (nint)token * qStride + head * queriesPerHead * headDim,
                output + (nint)token * outputStride + head * queriesPerHead * headDim);
        }
    }

    private void Attend(QueryRow row, int keyValueHead, float* q, float* output)
    {
        int first = window > 0 ? Math.Max(0, row.Position - window + 1) : 0;
        int keys = row.Position - first + 1, stride = AttentionSteps<TBlock, TVector, TProfile>.ScoreStride(keys), dim = row.Cache.PaddedHeadDim;
        Span<float> scratch = ThreadScratch.Floats(checked(queriesPerHead * (stride + 2 * dim + 16) + Tile * dim));
        fixed (float* scores = scratch)
        {
            float* queries = scores + queriesPerHead * stride;
            float* mixed = queries + queriesPerHead * dim;
            float* denominators = mixed + queriesPerHead * dim;
            float* tile = denominators + queriesPerHead * 16;
            new Span<float>(queries, 2 * queriesPerHead * dim).Clear();
            for (int h = 0; h < queriesPerHead; h++)
                new ReadOnlySpan<float>(q + h * headDim, headDim).CopyTo(new Span<float>(queries + h * dim, headDim));

            for (int k = 0, n; k < keys; k += n)
            {
                float* keyRows = row.Cache.Tile(keyValueHead, first + k, Math.Min(Tile, keys - k), values: false, tile, out n);
                float* ahead = row.Cache.Ahead(keyValueHead, first + k + n, keys - k - n, values: false, keyRows);
                for (int h = 0; h < queriesPerHead; h++)
                {
                    AttentionSteps<TBlock, TVector, TProfile>.Score(queries + h * dim, keyRows, n, dim, scale, scores + h * stride + k,
                        ahead + 32 * h);
                }
            }
            for (int h = 0; h < queriesPerHead; h++)
            {
                float sink = sinks[keyValueHead * queriesPerHead + h];
                denominators[h] = AttentionSteps<TBlock, TVector, TProfile>.Softmax(scores + h * stride, keys, sink);
            }
            for (int k = 0, n; k < keys; k += n)
            {
                float* valueRows = row.Cache.Tile(keyValueHead, first + k, Math.Min(Tile, keys - k), values: true, tile, out n);
                float* ahead = row.Cache.Ahead(keyValueHead, first + k + n, keys - k - n, values: true, valueRows);
                AttentionSteps<TBlock, TVector, TProfile>.Mix(scores + k, stride, queriesPerHead, valueRows, n, dim, 0, dim, mixed,
                    (nint)(ahead - valueRows));
            }
            for (int h = 0; h < queriesPerHead; h++)
                AttentionSteps<TBlock, TVector, TProfile>.Finish(mixed + h * dim, denominators[h], 0, headDim, output + h * headDim);
        }
    }
}
