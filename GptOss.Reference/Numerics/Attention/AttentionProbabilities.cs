using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>
/// The probabilities of attention, which a pass does not keep: p_k = e^(s_k − M) / (Σ e^(s_j − M) + e^(sink − M)), and the sink's over the same
/// denominator. Scores, maximum and sums are those of <see cref="AttentionSteps{TBlock, TVector, TProfile}"/>, so nothing is approximated.
/// </summary>
internal static unsafe class AttentionProbabilities<TBlock, TVector, TProfile>
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    private const int Tile = AttentionSteps<TBlock, TVector, TProfile>.TileKeys;

    /// <summary>Fills <paramref name="probabilities"/>, one for each of the last keys up to the row's own, and returns the sink's.</summary>
    internal static float Compute(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float scale, float sink, Span<float> probabilities)
    {
        int keys = probabilities.Length, first = row.Position - keys + 1, dim = row.Cache.PaddedHeadDim;
        int stride = AttentionSteps<TBlock, TVector, TProfile>.ScoreStride(keys);
        fixed (float* scores = ThreadScratch.Floats(checked(stride + dim + Tile * dim)))
        {
            float* query = scores + stride, tile = query + dim;
            new Span<float>(query, dim).Clear();
            q.CopyTo(new Span<float>(query, dim));
            for (int k = 0, n; k < keys; k += n)
            {
                float* keyRows = row.Cache.Tile(keyValueHead, first + k, Math.Min(Tile, keys - k), values: false, tile, out n);
                AttentionSteps<TBlock, TVector, TProfile>.Score(query, keyRows, n, dim, scale, scores + k, keyRows);
            }
            float max = sink;
            for (int k = 0; k < keys; k++)
                max = MathF.Max(max, scores[k]);

            float denominator = AttentionSteps<TBlock, TVector, TProfile>.Softmax(scores, keys, sink);
            for (int k = 0; k < keys; k++)
                // the bfloat16 profile has divided already
                probabilities[k] = TProfile.Precision == Precision.Float32 ? scores[k] / denominator : scores[k];
            return TProfile.Round(BlockExp.Scalar(sink - max) / denominator);
        }
    }
}
