using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Tests.Numerics;

/// <summary>
/// The arithmetic contract written down a second time, as plainly as it can be: loops over plain floats, no blocks, no kernels. What a
/// kernel computes must equal this bit for bit, at every width.
/// </summary>
internal static class Definition
{
    /// <summary>B(·) in the bfloat16 profile, nothing in the float32 profile. The rule is formulated anew: round half to even on the upper 16 bits.</summary>
    internal static float B(float value, Precision precision)
    {
        if (precision == Precision.Float32 || float.IsNaN(value))
            return value;
        uint bits = BitConverter.SingleToUInt32Bits(value), low = bits & 0xFFFF, high = bits & 0xFFFF0000;
        bool up = low > 0x8000 || (low == 0x8000 && (high & 0x10000) != 0);
        return BitConverter.UInt32BitsToSingle(up ? high + 0x10000 : high);
    }

    /// <summary>lane[i] += lane[i + n] for n = 8, 4, 2, 1; lane 0.</summary>
    internal static float Reduce(float[] lanes)
    {
        for (int n = 8; n >= 1; n /= 2)
        {
            for (int i = 0; i < n; i++)
                lanes[i] += lanes[i + n];
        }
        return lanes[0];
    }

    /// <summary>Lane j takes elements j, j + 16, …; a short tail is zero-padded.</summary>
    internal static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        float[] lanes = new float[16];
        for (int i = 0; i < (a.Length + 15) / 16 * 16; i++)
            lanes[i % 16] = MathF.FusedMultiplyAdd(i < a.Length ? a[i] : 0, i < a.Length ? b[i] : 0, lanes[i % 16]);
        return Reduce(lanes);
    }

    /// <summary>Of each block of 32, lane j takes element 2j, then element 2j + 1.</summary>
    internal static float DotMxfp4(ReadOnlySpan<float> x, ReadOnlySpan<float> w)
    {
        float[] lanes = new float[16];
        for (int block = 0; block < x.Length; block += 32)
        {
            for (int j = 0; j < 16; j++)
            {
                lanes[j] = MathF.FusedMultiplyAdd(w[block + 2 * j], x[block + 2 * j], lanes[j]);
                lanes[j] = MathF.FusedMultiplyAdd(w[block + 2 * j + 1], x[block + 2 * j + 1], lanes[j]);
            }
        }
        return Reduce(lanes);
    }

    internal static float[][] Linear(float[][] x, ushort[] weights, ushort[] bias, int rows, Precision precision)
    {
        int columns = weights.Length / rows;
        float[] w = Widen(weights);
        return Map(x, row =>
        {
            float[] y = new float[rows];
            for (int r = 0; r < rows; r++)
            {
                float dot = Dot(row, w.AsSpan(r * columns, columns));
                y[r] = B(bias.Length == 0 ? dot : dot + Bfloat16.ToSingle(bias[r]), precision);
            }
            return y;
        });
    }

    /// <summary>One row of an expert product: B(B(dot) + bias); rows alternate between the halves of the output if they are to be taken apart.</summary>
    internal static float[] ExpertLinear(float[] x, float[] weights, ReadOnlySpan<ushort> bias, bool deinterleave, Precision precision)
    {
        float[] y = new float[bias.Length];
        for (int r = 0; r < y.Length; r++)
        {
            float dot = B(DotMxfp4(x, weights.AsSpan(r * x.Length, x.Length)), precision);
            y[deinterleave ? r / 2 + r % 2 * (y.Length / 2) : r] = B(dot + Bfloat16.ToSingle(bias[r]), precision);
        }
        return y;
    }

    internal static float[][] RmsNorm(float[][] x, float[] gain, float eps, Precision precision) => Map(x, row =>
    {
        float r = 1 / MathF.Sqrt(Dot(row, row) / row.Length + eps);
        float[] y = new float[row.Length];
        for (int i = 0; i < y.Length; i++)
            y[i] = B(row[i] * r * gain[i], precision);
        return y;
    });

    /// <summary>Rotates the heads of one row.</summary>
    internal static float[] Rotate(float[] row, float[] cosines, float[] sines, Precision precision)
    {
        float[] y = new float[row.Length];
        int half = cosines.Length;
        for (int head = 0; head < row.Length; head += 2 * half)
        {
            for (int i = 0; i < half; i++)
            {
                float a = row[head + i], b = row[head + half + i], c = B(cosines[i], precision), s = B(sines[i], precision);
                float ac = B(a * c, precision), bs = B(b * s, precision), bc = B(b * c, precision), @as = B(a * s, precision);
                y[head + i] = B(ac - bs, precision);
                y[head + half + i] = B(bc + @as, precision);
            }
        }
        return y;
    }

    /// <summary>One query head over the keys it sees, first to last.</summary>
    internal static float[] Attend(float[] q, float[][] keys, float[][] values, float sink, Precision precision)
    {
        (float[] terms, float _, float denominator) = Softmax(q, keys, sink, precision);
        float[] y = new float[q.Length];
        for (int i = 0; i < y.Length; i++)
        {
            float sum = 0;
            for (int k = 0; k < keys.Length; k++)
                sum = MathF.FusedMultiplyAdd(precision == Precision.Float32 ? terms[k] : B(terms[k] / denominator, precision), values[k][i], sum);
            y[i] = precision == Precision.Float32 ? sum / denominator : B(sum, precision);
        }
        return y;
    }

    /// <summary>The shares of the keys and of the sink.</summary>
    internal static (float[] Keys, float Sink) Probabilities(float[] q, float[][] keys, float sink, Precision precision)
    {
        (float[] terms, float sinkTerm, float denominator) = Softmax(q, keys, sink, precision);
        return ([.. terms.Select(term => B(term / denominator, precision))], B(sinkTerm / denominator, precision));
    }

    private static (float[] Terms, float SinkTerm, float Denominator) Softmax(float[] q, float[][] keys, float sink, Precision precision)
    {
        float scale = (float)(1 / Math.Sqrt(q.Length));
        float[] scores = new float[keys.Length];
        float max = sink;
        for (int k = 0; k < keys.Length; k++)
        {
            scores[k] = B(B(Dot(q, keys[k]), precision) * scale, precision);
            max = MathF.Max(max, scores[k]);
        }
        float[] lanes = new float[16];
        for (int k = 0; k < keys.Length; k++)
        {
            scores[k] = Elementary.Exp(scores[k] - max);
            lanes[k % 16] += scores[k];
        }
        float sinkTerm = Elementary.Exp(sink - max);
        return (scores, sinkTerm, Reduce(lanes) + sinkTerm);
    }

    /// <summary>The k best by (logit descending, index ascending, NaN last) and their weights, by sorting everything.</summary>
    internal static (int[] Experts, float[] Weights) Route(float[] logits, int k, Precision precision)
    {
        int[] experts =
        [
            .. Enumerable.Range(0, logits.Length)
                .OrderBy(e => float.IsNaN(logits[e]))
                .ThenByDescending(e => float.IsNaN(logits[e]) ? 0 : logits[e] + 0f)      // + 0: negative zero is no less than zero
                .ThenBy(e => e)
                .Take(k),
        ];
        float[] weights = [.. experts.Select(e => Elementary.Exp(logits[e] - logits[experts[0]]))];
        float sum = weights[0];
        for (int i = 1; i < k; i++)
            sum += weights[i];
        return (experts, [.. weights.Select(e => B(e / sum, precision))]);
    }

    internal static float[][] SwiGlu(float[][] gu, float alpha, float limit, Precision precision) => Map(gu, row =>
    {
        float[] h = new float[row.Length / 2];
        for (int i = 0; i < h.Length; i++)
        {
            float g = row[i] > limit ? limit : row[i], u = row[h.Length + i] > limit ? limit : row[h.Length + i] < -limit ? -limit : row[h.Length + i];
            float sigmoid = B(1 / (1 + Elementary.Exp(-B(alpha * g, precision))), precision);
            h[i] = B(B(g * sigmoid, precision) * B(u + 1, precision), precision);
        }
        return h;
    });

    internal static float[][] MixExperts(float[][] y, float[] weights, int k, float[][] x, Precision precision) => Map(x, (row, t) =>
    {
        float[] mixed = new float[row.Length];
        for (int i = 0; i < mixed.Length; i++)
        {
            float sum = 0;
            for (int rank = 0; rank < k; rank++)
                sum = MathF.FusedMultiplyAdd(weights[t * k + rank], y[t * k + rank][i], sum);
            mixed[i] = B(row[i] + B(sum, precision), precision);
        }
        return mixed;
    });

    internal static float[] Widen(ushort[] values)
    {
        float[] wide = new float[values.Length];
        for (int i = 0; i < wide.Length; i++)
            wide[i] = BitConverter.UInt32BitsToSingle((uint)values[i] << 16);
        return wide;
    }

    internal static float[][] Map(float[][] rows, Func<float[], float[]> of) => Map(rows, (row, _) => of(row));

    internal static float[][] Map(float[][] rows, Func<float[], int, float[]> of)
    {
        float[][] result = new float[rows.Length][];
        for (int i = 0; i < rows.Length; i++)
            result[i] = of(rows[i], i);
        return result;
    }
}
