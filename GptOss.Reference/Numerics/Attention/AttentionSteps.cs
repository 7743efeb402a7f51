using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>The three steps of attention for the query heads of one key/value head: score, softmax with the sink, mix.</summary>
internal static unsafe class AttentionSteps<TBlock, TVector, TProfile>
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    /// <summary>
    /// Keys (or values) processed at once: 16 KiB of a head of 64, which stay in the L1 cache while all heads of the group use them.
    /// </summary>
    internal const int TileKeys = 64;

    /// <summary>
    /// Elements between two query heads' scores: whole blocks plus one. The mix reads eight heads side by side, and at a context of a power of two
    /// all eight would otherwise fall into the same set of the L1 cache.
    /// </summary>
    internal static int ScoreStride(int keys) => ((keys + 15) & ~15) + 16;

    /// <summary>s_k = B(B(⟨q, k⟩)·scale) for consecutive keys.</summary>
    /// <param name="query">One query head, padded to <paramref name="dim"/>.</param>
    /// <param name="keyRows">The keys.</param>
    /// <param name="keys">How many.</param>
    /// <param name="dim">Padded channels of a head.</param>
    /// <param name="scale">1/√(headDim).</param>
    /// <param name="scores">One for each key.</param>
    /// <param name="ahead">
    /// The next tile's keys, at this head's share of them: each head prefetches two cache lines for every four keys, so eight heads prefetch the
    /// whole tile. Prefetched all at once the lines would queue behind each other; without prefetching the first head would wait for memory.
    /// </param>
    internal static void Score(float* query, float* keyRows, int keys, int dim, float scale, float* scores, float* ahead)
    {
        int k = 0;
        for (; k + 4 <= keys; k += 4)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(ahead + (nint)k * dim);
                Sse.Prefetch1(ahead + (nint)k * dim + 16);
            }
            float* k0 = keyRows + (nint)k * dim, k1 = k0 + dim, k2 = k1 + dim, k3 = k2 + dim;
            TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
            for (int i = 0; i < dim; i += 16)
            {
                TBlock a = TBlock.Load(query + i);
                s0 = TBlock.FusedMultiplyAdd(a, TBlock.Load(k0 + i), s0);
                s1 = TBlock.FusedMultiplyAdd(a, TBlock.Load(k1 + i), s1);
                s2 = TBlock.FusedMultiplyAdd(a, TBlock.Load(k2 + i), s2);
                s3 = TBlock.FusedMultiplyAdd(a, TBlock.Load(k3 + i), s3);
            }
            TBlock.Reduce4(s0, s1, s2, s3, scores + k);
        }
        for (; k < keys; k++)
        {
            TBlock sum = TBlock.Zero;
            for (int i = 0; i < dim; i += 16)
                sum = TBlock.FusedMultiplyAdd(TBlock.Load(query + i), TBlock.Load(keyRows + (nint)k * dim + i), sum);
            scores[k] = TBlock.Reduce(sum);
        }

        // Scaled in a loop of its own, sixteen at a time: scaling them one by one cost a tenth of the whole kernel.
        TBlock wide = TBlock.Broadcast(scale);
        for (k = 0; k + 16 <= keys; k += 16)
            TBlock.Store(TProfile.Round(TProfile.Round(TBlock.Load(scores + k)) * wide), scores + k);
        for (; k < keys; k++)
            scores[k] = TProfile.Round(TProfile.Round(scores[k]) * scale);
    }

    /// <summary>Replaces scores by e^(s − M), or in the bfloat16 profile by the rounded probabilities, and returns the denominator.</summary>
    internal static float Softmax(float* scores, int keys, float sink)
    {
        // Padding lanes hold −∞, whose exponential is +0: adding it to a sum of such terms changes no bit.
        int padded = (keys + 15) & ~15;
        new Span<float>(scores + keys, padded - keys).Fill(float.NegativeInfinity);
        TBlock max = TBlock.Broadcast(sink);
        for (int k = 0; k < padded; k += 16)
            max = TBlock.Max(max, TBlock.Load(scores + k));
        float* lanes = stackalloc float[16];
        TBlock.Store(max, lanes);
        float m = lanes[0];
        for (int i = 1; i < 16; i++)
            m = MathF.Max(m, lanes[i]);

        TBlock shift = TBlock.Broadcast(m), sum = TBlock.Zero;
        for (int k = 0; k < padded; k += 16)
        {
            TBlock e = BlockExp.Exp(TBlock.Load(scores + k) - shift);
            TBlock.Store(e, scores + k);
            sum += e;
        }
        float denominator = TBlock.Reduce(sum) + BlockExp.Scalar(sink - m);
        if (TProfile.Precision == Precision.Bfloat16)
        {
            TBlock d = TBlock.Broadcast(denominator);
            for (int k = 0; k < padded; k += 16)
                TBlock.Store(TProfile.Round(TBlock.Load(scores + k) / d), scores + k);
        }
        return denominator;
    }

    /// <summary>
    /// acc_h += Σ w_k,h·v_k in ascending k over channels <paramref name="from"/> … <paramref name="to"/> − 1 (whole blocks), for all query heads.
    /// </summary>
    /// <param name="weights">Softmax terms of the first query head at the first key.</param>
    /// <param name="stride">Elements between two query heads' terms.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="valueRows">Values of consecutive keys.</param>
    /// <param name="keys">How many.</param>
    /// <param name="dim">Padded channels of a head.</param>
    /// <param name="from">First channel.</param>
    /// <param name="to">Channel after the last.</param>
    /// <param name="mixed">Sums so far, [heads, dim].</param>
    /// <param name="ahead">Elements from a value to that of the next tile.</param>
    internal static void Mix(float* weights, nint stride, int heads, float* valueRows, int keys, int dim, int from, int to, float* mixed, nint ahead)
    {
        int h = 0;
        for (; h + 8 <= heads; h += 8)
            Mix8(weights + h * stride, stride, valueRows, keys, dim, from, to, mixed + h * dim, ahead);
        for (; h < heads; h++)
            Mix1(weights + h * stride, valueRows, keys, dim, from, to, mixed + h * dim);
    }

    /// <summary>B(sum / denominator): the bfloat16 profile has divided its probabilities already.</summary>
    internal static void Finish(float* mixed, float denominator, int from, int to, float* output)
    {
        for (int i = from; i < to; i++)
            output[i] = TProfile.Precision == Precision.Float32 ? mixed[i] / denominator : TProfile.Round(mixed[i]);
    }

    /// <summary>acc_h += w_k,h·v_k in ascending k for eight query heads: each value register loaded serves all of them.</summary>
    private static void Mix8(float* weights, nint stride, float* valueRows, int keys, int dim, int from, int to, float* mixed, nint ahead)
    {
        for (int i = from; i < to; i += TVector.Lanes)
        {
            TVector s0 = TVector.Load(mixed + i), s1 = TVector.Load(mixed + dim + i), s2 = TVector.Load(mixed + 2 * dim + i),
                s3 = TVector.Load(mixed + 3 * dim + i);
            TVector s4 = TVector.Load(mixed + 4 * dim + i), s5 = TVector.Load(mixed + 5 * dim + i), s6 = TVector.Load(mixed + 6 * dim + i),
                s7 = TVector.Load(mixed + 7 * dim + i);
            float* v = valueRows + i;
            float* w0 = weights, w4 = weights + 4 * stride;
            for (int k = 0; k < keys; k++, v += dim, w0++, w4++)
            {
                if (Sse.IsSupported)
                    Sse.Prefetch1(v + ahead);
                TVector value = TVector.Load(v);
                s0 = TVector.FusedMultiplyAdd(TVector.Broadcast(w0[0]), value, s0);
                s1 = TVector.FusedMultiplyAdd(TVector.Broadcast(w0[stride]), value, s1);
                s2 = TVector.FusedMultiplyAdd(TVector.Broadcast(w0[2 * stride]), value, s2);
                s3 = TVector.FusedMultiplyAdd(TVector.Broadcast(w0[3 * stride]), value, s3);
                s4 = TVector.FusedMultiplyAdd(TVector.Broadcast(w4[0]), value, s4);
                s5 = TVector.FusedMultiplyAdd(TVector.Broadcast(w4[stride]), value, s5);
                s6 = TVector.FusedMultiplyAdd(TVector.Broadcast(w4[2 * stride]), value, s6);
                s7 = TVector.FusedMultiplyAdd(TVector.Broadcast(w4[3 * stride]), value, s7);
            }
            s0.Store(mixed + i);
            s1.Store(mixed + dim + i);
            s2.Store(mixed + 2 * dim + i);
            s3.Store(mixed + 3 * dim + i);
            s4.Store(mixed + 4 * dim + i);
            s5.Store(mixed + 5 * dim + i);
            s6.Store(mixed + 6 * dim + i);
            s7.Store(mixed + 7 * dim + i);
        }
    }

    /// <summary>acc += w_k·v_k in ascending k for one query head.</summary>
    private static void Mix1(float* weights, float* valueRows, int keys, int dim, int from, int to, float* mixed)
    {
        for (int i = from; i < to; i += TVector.Lanes)
        {
            TVector sum = TVector.Load(mixed + i);
            float* v = valueRows + i;
            for (int k = 0; k < keys; k++, v += dim)
                sum = TVector.FusedMultiplyAdd(TVector.Broadcast(weights[k]), TVector.Load(v), sum);
            sum.Store(mixed + i);
        }
    }
}
