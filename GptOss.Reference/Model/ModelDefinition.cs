using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>
/// The whole of gpt-oss in plain loops: token ids to logits, one position after the other, nothing shared, nothing fast. Read this first.
/// </summary>
/// <remarks>
/// Sums are in double, so it is also what the fast model is measured against. It reads the published formats: bfloat16, and MXFP4 for the experts.
/// Source: <c>gpt_oss/torch/model.py</c>.
/// </remarks>
/// <param name="checkpoint">A safetensors checkpoint.</param>
internal sealed class ModelDefinition(Checkpoint checkpoint)
{
    private readonly GptOssConfig _c = checkpoint.Config;

    private readonly RotaryTable _rotary = new(checkpoint.Config.HeadDim, checkpoint.Config.RopeTheta, checkpoint.Config.RopeScalingFactor,
        checkpoint.Config.InitialContextLength, checkpoint.Config.RopeNtkAlpha, checkpoint.Config.RopeNtkBeta, checkpoint.Config.RoundsYarnBounds);

    /// <summary>One row for each token, one logit for each id of the vocabulary.</summary>
    internal double[][] Logits(int[] tokens)
    {
        ushort[] embedding = Stored("embedding.weight");
        double[][] x =
            [.. tokens.Select(token => Enumerable.Range(0, _c.HiddenSize).Select(i => Wide(embedding[token * _c.HiddenSize + i])).ToArray())];
        for (int layer = 0; layer < _c.NumHiddenLayers; layer++)
        {
            Attend(layer, x);
            for (int t = 0; t < x.Length; t++)
                Add(x[t], Experts(layer, x[t]));
        }
        return [.. x.Select(row => Linear(Norm(row, "norm.scale"), "unembedding.weight", null))];
    }

    /// <summary>Every head looks back, over a window in sliding layers, and mixes the values of what it sees.</summary>
    private void Attend(int layer, double[][] x)
    {
        string block = $"block.{layer}.attn";
        int d = _c.HeadDim, heads = _c.NumAttentionHeads, keyHeads = _c.NumKeyValueHeads;
        ushort[] sinks = Stored($"{block}.sinks");
        double[][] qkv = [.. x.Select(row => Linear(Norm(row, $"{block}.norm.scale"), $"{block}.qkv.weight", $"{block}.qkv.bias"))];
        for (int t = 0; t < x.Length; t++)
        {
            for (int head = 0; head < heads + keyHeads; head++)        // queries, then keys; values stay
                Rotate(qkv[t].AsSpan(head * d, d), t);
        }
        for (int t = 0; t < x.Length; t++)
        {
            double[] mixed = new double[heads * d];
            for (int head = 0; head < heads; head++)
            {
                int key = (heads + head / (heads / keyHeads)) * d, value = key + keyHeads * d;
                int first = _c.WindowOf(layer) is { } window ? Math.Max(0, t - window + 1) : 0;
                double[] scores = new double[t + 1];
                double largest = Wide(sinks[head]);
                for (int k = first; k <= t; k++)
                {
                    for (int i = 0; i < d; i++)
                        scores[k] += qkv[t][head * d + i] * qkv[k][key + i] / Math.Sqrt(d);
                    largest = Math.Max(largest, scores[k]);
                }
                double sum = Exp(Wide(sinks[head]) - largest);         // the sink takes its share and brings no value
                for (int k = first; k <= t; k++)
                    sum += scores[k] = Exp(scores[k] - largest);
                for (int k = first; k <= t; k++)
                {
                    for (int i = 0; i < d; i++)
                        mixed[head * d + i] += scores[k] / sum * qkv[k][value + i];
                }
            }
            Add(x[t], Linear(mixed, $"{block}.out.weight", $"{block}.out.bias"));
        }
    }

    /// <summary>The router chooses a few experts; each is a clamped SwiGLU between two matrices; their outputs are summed by weight.</summary>
    private double[] Experts(int layer, double[] x)
    {
        string block = $"block.{layer}.mlp";
        double[] t = Norm(x, $"{block}.norm.scale"), router = Linear(t, $"{block}.gate.weight", $"{block}.gate.bias"), y = new double[x.Length];
        int[] chosen = [.. Enumerable.Range(0, router.Length).OrderByDescending(expert => router[expert]).Take(_c.ExpertsPerToken)];
        double sum = chosen.Sum(expert => Exp(router[expert] - router[chosen[0]]));
        foreach (int expert in chosen)
        {
            double[] gu = ExpertLinear(t, $"{block}.mlp1", expert, 2 * _c.IntermediateSize), h = new double[_c.IntermediateSize];
            for (int i = 0; i < h.Length; i++)
            {
                double gate = Math.Min(gu[2 * i], _c.SwigluLimit), linear = Math.Clamp(gu[2 * i + 1], -_c.SwigluLimit, _c.SwigluLimit);
                h[i] = gate / (1 + Exp(-_c.SwigluAlpha * gate)) * (linear + 1);
            }
            double[] output = ExpertLinear(h, $"{block}.mlp2", expert, x.Length);
            for (int i = 0; i < y.Length; i++)
                y[i] += Exp(router[expert] - router[chosen[0]]) / sum * output[i];
        }
        return y;
    }

    private double[] Norm(double[] x, string gain)
    {
        ushort[] g = Stored(gain);
        double r = 1 / Math.Sqrt(x.Sum(value => value * value) / x.Length + _c.RmsNormEps);
        return [.. x.Select((value, i) => value * r * Wide(g[i]))];
    }

    /// <summary>Each pair of channels (i, i + d/2) turns by an angle that grows with the position.</summary>
    private void Rotate(Span<double> head, int position)
    {
        int half = head.Length / 2;
        float[] cosines = new float[half], sines = new float[half];
        _rotary.At(position, cosines, sines);
        for (int i = 0; i < half; i++)
            (head[i], head[i + half]) = (head[i] * cosines[i] - head[i + half] * sines[i], head[i + half] * cosines[i] + head[i] * sines[i]);
    }

    private double[] Linear(double[] x, string weight, string? bias)
    {
        ushort[] w = Stored(weight), b = bias is null ? new ushort[w.Length / x.Length] : Stored(bias);
        double[] y = new double[w.Length / x.Length];
        for (int row = 0; row < y.Length; row++)
        {
            y[row] = Wide(b[row]);
            for (int i = 0; i < x.Length; i++)
                y[row] += x[i] * Wide(w[row * x.Length + i]);
        }
        return y;
    }

    /// <summary>MXFP4: blocks of 32 weights, two in a byte, with one power of two for all of them.</summary>
    private double[] ExpertLinear(double[] x, string name, int expert, int rows)
    {
        ReadOnlySpan<byte> blocks = checkpoint.U8($"{name}_weight.blocks").Span, scales = checkpoint.U8($"{name}_weight.scales").Span;
        ushort[] bias = Stored($"{name}_bias");
        double[] y = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            y[row] = Wide(bias[expert * rows + row]);
            for (int i = 0; i < x.Length; i++)
            {
                int block = (expert * rows + row) * (x.Length / Mxfp4.BlockWeights) + i / Mxfp4.BlockWeights;
                y[row] += x[i] * Mxfp4.Decode(blocks.Slice(block * Mxfp4.BlockBytes, Mxfp4.BlockBytes), scales[block], i % Mxfp4.BlockWeights);
            }
        }
        return y;
    }

    private static void Add(double[] x, double[] delta)
    {
        for (int i = 0; i < x.Length; i++)
            x[i] += delta[i];
    }

    private ushort[] Stored(string name) => [.. checkpoint.Bf16Parts(name).SelectMany(part => part.ToArray())];

    private static double Wide(ushort bits) => Bfloat16.ToSingle(bits);

    private static double Exp(double x) => Elementary.Exp((float)x);
}
