namespace GptOss.Reference.Numerics;

/// <summary>One query token: where its keys are and how far it sees.</summary>
internal readonly struct QueryRow(KeyValueCache cache, int position)
{
    internal readonly KeyValueCache Cache = cache;
    internal readonly int Position = position;
}

/// <summary>
/// Attention with a learned sink: o = Σ w_k·v_k, w_k = e^(s_k − M) / (Σ e^(s_j − M) + e^(sink − M)), M = max(s, sink), s_k = ⟨q, k⟩/√d over
/// the visible keys. The sink takes its share of the denominator and brings no value.
/// </summary>
/// <remarks>
/// Two passes, no online rescaling, which would change bits. Visible are positions max(0, p − window + 1) … p. A worker takes a (token,
/// key/value head) pair whole, so the query heads that share the head share its reads, and keeps scores for those heads only. Sums run in
/// ascending k; the denominator's lane is (k − first visible) mod 16. Source: <c>gpt_oss/torch/model.py</c>, <c>sdpa</c>.
/// </remarks>
internal readonly unsafe struct SinkAttentionJob<TBlock, TVector, TProfile>(
    QueryRow[] rows, int count, float* q, int qStride, ushort* sinks, int keyValueHeads, int queriesPerHead, int headDim, int window, float scale, float* output, int outputStride) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    /// <summary>Keys (or values) taken at once: 16 KiB of a head of 64, which stay in the L1 cache while all heads of the group use them.</summary>
    private const int TileKeys = 64;

    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(count * keyValueHeads, 1, part, parts);
        for (int unit = begin; unit < end; unit++)
        {
            int token = unit / keyValueHeads, head = unit % keyValueHeads;
            Attend(rows[token], head, q + (nint)token * qStride + head * queriesPerHead * headDim, output + (nint)token * outputStride + head * queriesPerHead * headDim);
        }
    }

    private void Attend(QueryRow row, int keyValueHead, float* q, float* output)
    {
        int first = window > 0 ? Math.Max(0, row.Position - window + 1) : 0;
        int keys = row.Position - first + 1, stride = (keys + 15) & ~15, dim = row.Cache.PaddedHeadDim;
        Span<float> scratch = ThreadScratch.Floats(checked(queriesPerHead * (stride + 2 * dim + 16) + TileKeys * dim));
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
                float* keyRows = row.Cache.Tile(keyValueHead, first + k, Math.Min(TileKeys, keys - k), values: false, tile, out n);
                for (int h = 0; h < queriesPerHead; h++)
                    Score(queries + h * dim, keyRows, n, dim, scores + h * stride + k);
            }
            for (int h = 0; h < queriesPerHead; h++)
                denominators[h] = Softmax(scores + h * stride, keys, Bfloat16.ToSingle(sinks[keyValueHead * queriesPerHead + h]));

            for (int k = 0, n; k < keys; k += n)
            {
                float* valueRows = row.Cache.Tile(keyValueHead, first + k, Math.Min(TileKeys, keys - k), values: true, tile, out n);
                int h = 0;
                for (; h + 8 <= queriesPerHead; h += 8)
                    Mix8(scores + h * stride + k, stride, valueRows, n, dim, mixed + h * dim);
                for (; h < queriesPerHead; h++)
                    Mix1(scores + h * stride + k, valueRows, n, dim, mixed + h * dim);
            }
            for (int h = 0; h < queriesPerHead; h++)
            {
                for (int i = 0; i < headDim; i++)
                {
                    float sum = mixed[h * dim + i];
                    output[h * headDim + i] = TProfile.Precision == Precision.Float32 ? sum / denominators[h] : TProfile.Round(sum);
                }
            }
        }
    }

    /// <summary>s_k = B(B(⟨q, k⟩)·scale) for consecutive keys.</summary>
    private void Score(float* query, float* keyRows, int keys, int dim, float* scores)
    {
        int k = 0;
        for (; k + 4 <= keys; k += 4)
        {
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
            for (int i = 0; i < 4; i++)
                scores[k + i] = Scaled(scores[k + i]);
        }
        for (; k < keys; k++)
        {
            TBlock sum = TBlock.Zero;
            for (int i = 0; i < dim; i += 16)
                sum = TBlock.FusedMultiplyAdd(TBlock.Load(query + i), TBlock.Load(keyRows + (nint)k * dim + i), sum);
            scores[k] = Scaled(TBlock.Reduce(sum));
        }
    }

    private float Scaled(float dot) => TProfile.Round(TProfile.Round(dot) * scale);

    /// <summary>Replaces scores by e^(s − M), or in the bfloat16 profile by the rounded probabilities, and returns the denominator.</summary>
    private static float Softmax(float* scores, int keys, float sink)
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

    /// <summary>acc_h += w_k,h·v_k in ascending k for eight query heads: each value register loaded serves all of them.</summary>
    private static void Mix8(float* weights, nint stride, float* valueRows, int keys, int dim, float* mixed)
    {
        for (int i = 0; i < dim; i += TVector.Lanes)
        {
            TVector s0 = TVector.Load(mixed + i), s1 = TVector.Load(mixed + dim + i), s2 = TVector.Load(mixed + 2 * dim + i), s3 = TVector.Load(mixed + 3 * dim + i);
            TVector s4 = TVector.Load(mixed + 4 * dim + i), s5 = TVector.Load(mixed + 5 * dim + i), s6 = TVector.Load(mixed + 6 * dim + i), s7 = TVector.Load(mixed + 7 * dim + i);
            float* v = valueRows + i;
            float* w0 = weights, w4 = weights + 4 * stride;
            for (int k = 0; k < keys; k++, v += dim, w0++, w4++)
            {
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
    private static void Mix1(float* weights, float* valueRows, int keys, int dim, float* mixed)
    {
        for (int i = 0; i < dim; i += TVector.Lanes)
        {
            TVector sum = TVector.Load(mixed + i);
            float* v = valueRows + i;
            for (int k = 0; k < keys; k++, v += dim)
                sum = TVector.FusedMultiplyAdd(TVector.Broadcast(weights[k]), TVector.Load(v), sum);
            sum.Store(mixed + i);
        }
    }
}
