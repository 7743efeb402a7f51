using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>Mistakes in how weights are read: biases, MXFP4 blocks, norms.</summary>
internal static class WeightDefects
{
    private const string Biases = "gpt_oss/torch/model.py: queries, keys, values, attention output, router and both expert products have biases";
    private const string Blocks = "gpt_oss/torch/weights.py, _get_mxfp4_tensor";

    internal static Defect[] All { get; } =
    [
        new("router-bias-dropped", "The router's bias was not added.", Biases, "any prompt")
        {
            Variant = new() { Experts = (weights, _) => weights with { GateBias = Zeros(weights.GateBias) } },
        },
        new("qkv-bias-dropped", "The biases of queries, keys and values were not added.", Biases, "any prompt")
        {
            Variant = new() { Attention = (weights, _) => weights with { QkvBias = [.. weights.QkvBias.Select(Zeros)] } },
        },
        new("attention-out-bias-dropped", "The bias of the attention output was not added.", Biases, "any prompt")
        {
            Variant = new() { Attention = (weights, _) => weights with { OutBias = Zeros(weights.OutBias) } },
        },
        new("expert-gate-up-bias-dropped", "The bias of the experts' first product was not added.", Biases, "any prompt")
        {
            Variant = new() { Experts = (weights, _) => weights with { Mlp1Bias = Zeros(weights.Mlp1Bias) } },
        },
        new("expert-down-bias-dropped", "The bias of the experts' second product was not added.", Biases, "any prompt")
        {
            Variant = new() { Experts = (weights, _) => weights with { Mlp2Bias = Zeros(weights.Mlp2Bias) } },
        },
        new("mxfp4-nibbles-swapped", "The high nibble of a byte was taken for the first of its two weights; it is the low one.",
            Blocks, "any prompt")
        {
            Variant = new() { Kernels = inner => new SwappedNibbles(inner) },
        },
        new("mxfp4-nibbles-in-ggml-order", "Low nibbles were taken for weights 0 to 15 of a block and high ones for 16 to 31, which is the order of GGUF files.",
            $"{Blocks}; ggml, block_mxfp4", "any prompt")
        {
            Variant = new() { Kernels = inner => new GgmlNibbles(inner) },
        },
        new("mxfp4-scale-off-by-one", "The exponent of every block was one too large, so all expert weights were doubled.",
            "OCP Microscaling Formats v1.0, E8M0: the bias is 127", "any prompt")
        {
            Variant = new() { Kernels = inner => new DoubledWeights(inner) },
        },
        new("rmsnorm-epsilon-1e-6", "The norms added 1e-6 to the mean square; gpt-oss adds 1e-5.",
            "gpt_oss/torch/model.py, RMSNorm", "any prompt")
        {
            Variant = new() { Config = config => config with { RmsNormEps = 1e-6f } },
        },
        new("rmsnorm-gain-plus-one", "The norms multiplied by 1 + gain, as other models store it.",
            "gpt_oss/torch/model.py, RMSNorm", "any prompt")
        {
            Variant = new()
            {
                Attention = (weights, _) => weights with { Norm = PlusOne(weights.Norm) },
                Experts = (weights, _) => weights with { Norm = PlusOne(weights.Norm) },
                FinalNorm = PlusOne,
            },
        },
    ];

    private static ReadOnlyMemory<ushort> Zeros(ReadOnlyMemory<ushort> bias) => new ushort[bias.Length];

    private static float[] PlusOne(float[] gain) => Array.ConvertAll(gain, g => g + 1);

    /// <summary>
    /// Weights in another order give the same products as activations in the inverse order, and activations are few. In lane order the sixteen
    /// activations that meet the low nibbles of a block come first, then those that meet the high ones.
    /// </summary>
    private abstract class OtherActivations(Kernels inner) : KernelDecorator(inner)
    {
        internal sealed override void ToLaneOrder(Rows x, Rows output)
        {
            Inner.ToLaneOrder(x, output);
            for (int row = 0; row < output.Count; row++)
            {
                for (int block = 0; block < output.Width; block += Mxfp4.BlockWeights)
                    Change(output[row].Slice(block, Mxfp4.BlockWeights));
            }
        }

        /// <summary>Changes the activations that meet one block.</summary>
        protected abstract void Change(Span<float> lanes);
    }

    private sealed class SwappedNibbles(Kernels inner) : OtherActivations(inner)
    {
        protected override void Change(Span<float> lanes)
        {
            for (int j = 0; j < 16; j++)
                (lanes[j], lanes[16 + j]) = (lanes[16 + j], lanes[j]);
        }
    }

    /// <summary>Low nibble j meets activation j and high nibble j activation 16 + j: the order before lane order.</summary>
    private sealed class GgmlNibbles(Kernels inner) : OtherActivations(inner)
    {
        protected override void Change(Span<float> lanes)
        {
            Span<float> stored = stackalloc float[Mxfp4.BlockWeights];
            for (int j = 0; j < 16; j++)
                (stored[2 * j], stored[2 * j + 1]) = (lanes[j], lanes[16 + j]);
            stored.CopyTo(lanes);
        }
    }

    private sealed class DoubledWeights(Kernels inner) : OtherActivations(inner)
    {
        protected override void Change(Span<float> lanes)
        {
            foreach (ref float x in lanes)
                x *= 2;
        }
    }
}
