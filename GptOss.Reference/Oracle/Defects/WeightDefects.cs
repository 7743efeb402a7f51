using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Products;

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
            Variant = new() { Experts = (weights, _) => weights with { GateBias = weights.GateBias.Zeros() } },
        },
        new("qkv-bias-dropped", "The biases of queries, keys and values were not added.", Biases, "any prompt")
        {
            Variant = new() { Attention = (weights, _) => weights with { QkvBias = [.. weights.QkvBias.Select(bias => bias.Zeros())] } },
        },
        new("attention-out-bias-dropped", "The bias of the attention output was not added.", Biases, "any prompt")
        {
            Variant = new() { Attention = (weights, _) => weights with { OutBias = weights.OutBias.Zeros() } },
        },
        new("expert-gate-up-bias-dropped", "The bias of the experts' first product was not added.", Biases, "any prompt")
        {
            Variant = new() { Experts = (weights, _) => weights with { Mlp1Bias = [.. weights.Mlp1Bias.Select(bias => bias.Zeros())] } },
        },
        new("expert-down-bias-dropped", "The bias of the experts' second product was not added.", Biases, "any prompt")
        {
            Variant = new() { Experts = (weights, _) => weights with { Mlp2Bias = weights.Mlp2Bias.Zeros() } },
        },
        new("mxfp4-nibbles-swapped", "The high nibble of a byte was taken for the first of its two weights; it is the low one.",
            Blocks, "any prompt")
        {
            Scope = DefectScope.Product,
            Variant = new() { Kernels = inner => inner with { Products = new SwappedNibbles(inner) } },
        },
        new("mxfp4-nibbles-in-ggml-order", "Low nibbles were taken for weights 0 to 15 of a block and high ones for 16 to 31, which is " +
            "the order of GGUF files.",
            $"{Blocks}; ggml, block_mxfp4", "any prompt")
        {
            Scope = DefectScope.Product,
            Variant = new() { Kernels = inner => inner with { Products = new GgmlNibbles(inner) } },
        },
        new("mxfp4-scale-off-by-one", "The exponent of every block was one too large, so all expert weights were doubled.",
            "OCP Microscaling Formats v1.0, E8M0: the bias is 127", "any prompt")
        {
            Scope = DefectScope.Product,
            Variant = new() { Kernels = inner => inner with { Products = new DoubledWeights(inner) } },
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

    private static float[] PlusOne(float[] gain) => Array.ConvertAll(gain, g => g + 1);

    /// <summary>Weights in another order give the same products as activations in the inverse order, and activations are few.</summary>
    private abstract class OtherActivations(Kernels inner) : ProductDecorator(inner)
    {
        private readonly Scratch _scratch = new();

        internal sealed override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups,
            bool deinterleave, Rows output)
        {
            _scratch.Reset(x.Count * Scratch.Stride(x.Width));
            Rows changed = _scratch.Rows(x.Count, x.Width);
            x.CopyTo(changed);
            for (int row = 0; row < x.Count; row++)
            {
                for (int block = 0; block < x.Width; block += Mxfp4.BlockWeights)
                    Change(changed[row].Slice(block, Mxfp4.BlockWeights));
            }
            Inner.ExpertLinear(changed, share, w, bias, groups, deinterleave, output);
        }

        /// <summary>Changes the activations that meet one block.</summary>
        protected abstract void Change(Span<float> block);
    }

    private sealed class SwappedNibbles(Kernels inner) : OtherActivations(inner)
    {
        protected override void Change(Span<float> block)
        {
            for (int j = 0; j < Mxfp4.BlockWeights; j += 2)
                (block[j], block[j + 1]) = (block[j + 1], block[j]);
        }
    }

    /// <summary>Low nibble j meets activation j and high nibble j activation 16 + j, instead of 2j and 2j + 1.</summary>
    private sealed class GgmlNibbles(Kernels inner) : OtherActivations(inner)
    {
        protected override void Change(Span<float> block)
        {
            Span<float> halves = stackalloc float[Mxfp4.BlockWeights];
            block.CopyTo(halves);
            for (int j = 0; j < Mxfp4.BlockBytes; j++)
                (block[2 * j], block[2 * j + 1]) = (halves[j], halves[Mxfp4.BlockBytes + j]);
        }
    }

    private sealed class DoubledWeights(Kernels inner) : OtherActivations(inner)
    {
        protected override void Change(Span<float> block)
        {
            foreach (ref float x in block)
                x *= 2;
        }
    }
}
