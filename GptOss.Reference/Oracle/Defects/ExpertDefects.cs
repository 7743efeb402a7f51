using GptOss.Reference.Model;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>Mistakes in the experts' activation and in how experts are weighted.</summary>
internal static class ExpertDefects
{
    private const string SwiGlu = "gpt_oss/torch/model.py, swiglu";
    private const string Block = "gpt_oss/torch/model.py, MLPBlock";

    internal static Defect[] All { get; } =
    [
        new("swiglu-alpha-one", "The sigmoid took the gate itself (SiLU); it takes 1.702 times the gate.",
            SwiGlu, "any prompt")
        {
            Variant = new() { Config = config => config with { SwigluAlpha = 1 } },
        },
        new("swiglu-without-clamp", "Gate and linear part were not clamped.",
            SwiGlu, "a token that drives an expert beyond the clamp")
        {
            Variant = new() { Config = config => config with { SwigluLimit = float.PositiveInfinity } },
        },
        new("swiglu-gate-clamped-below", "The gate was clamped on both sides; it has no lower clamp.",
            $"{SwiGlu}; llama.cpp, ggml-cpu/ops.cpp, swiglu_oai", "a token that drives a gate below the negative clamp")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new GateClampedBelow(inner) } },
        },
        new("swiglu-without-plus-one", "The linear part was multiplied in without adding 1.",
            SwiGlu, "any prompt")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new WithoutPlusOne(inner) } },
        },
        new("swiglu-halves-not-interleaved", "The first half of the rows was taken as gate, the second as linear part; even rows " +
            "are gate, odd ones linear.",
            SwiGlu, "any prompt")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new Halves(inner) } },
        },
        new("swiglu-gate-and-linear-swapped", "Even rows were taken as linear part and odd ones as gate.",
            SwiGlu, "any prompt")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new Swapped(inner) } },
        },
        new("router-softmax-before-top-k", "Weights came from a softmax over all experts and were not normalised over the chosen ones.",
            Block, "any prompt, on a model with more experts than a token uses")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new SoftmaxOverAll(inner) } },
        },
        new("router-sigmoid", "Weights were normalised sigmoids; they are a softmax over the chosen experts.",
            Block, "any prompt, on a model whose tokens use several experts")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new SigmoidWeights(inner) } },
        },
        new("router-one-expert-fewer", "One expert fewer was taken for each token.",
            Block, "any prompt")
        {
            Variant = new() { Kernels = inner => inner with { RowWise = new OneExpertFewer(inner) } },
        },
        new("expert-output-bias-unweighted", "The output bias of every chosen expert was added whole; it is weighted like the expert.",
            Block, "any prompt, on a model whose tokens use several experts")
        {
            Variant = new() { Kernels = UnweightedBias.In },
        },
    ];

    /// <summary>
    /// The gate half of [gate | linear] is clamped from below first. The rows are the block's scratch, which nothing reads afterwards.
    /// </summary>
    private sealed class GateClampedBelow(Kernels inner) : RowWiseDecorator(inner)
    {
        internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output)
        {
            Rows gate = gu.Columns(0, output.Width);
            for (int row = 0; row < gate.Count; row++)
            {
                foreach (ref float g in gate[row])
                    g = Math.Max(g, -limit);
            }
            Inner.SwiGlu(gu, alpha, limit, output);
        }
    }

    /// <summary>h = g′·σ(α·g′) · u′, term by term.</summary>
    private sealed class WithoutPlusOne(Kernels inner) : RowWiseDecorator(inner)
    {
        internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output)
        {
            float[] exponents = new float[output.Width], powers = new float[output.Width];
            for (int row = 0; row < output.Count; row++)
            {
                ReadOnlySpan<float> gate = gu[row][..output.Width], linear = gu[row][output.Width..];
                for (int i = 0; i < gate.Length; i++)
                    exponents[i] = -Round(alpha * Math.Min(gate[i], limit));
                Inner.Exp(exponents, powers);
                for (int i = 0; i < gate.Length; i++)
                    output[row][i] = Round(Round(Math.Min(gate[i], limit) * Round(1 / (1 + powers[i]))) * Math.Clamp(linear[i], -limit, limit));
            }
        }
    }

    /// <summary>The rows back in the checkpoint's order, so that its first half is where the gate is expected.</summary>
    private sealed class Halves(Kernels inner) : RowWiseDecorator(inner)
    {
        private readonly Scratch _scratch = new();

        internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output)
        {
            _scratch.Reset(gu.Count * Scratch.Stride(gu.Width));
            Rows stored = _scratch.Rows(gu.Count, gu.Width);
            for (int row = 0; row < gu.Count; row++)
            {
                for (int i = 0; i < output.Width; i++)
                    (stored[row][2 * i], stored[row][2 * i + 1]) = (gu[row][i], gu[row][output.Width + i]);
            }
            Inner.SwiGlu(stored, alpha, limit, output);
        }
    }

    private sealed class Swapped(Kernels inner) : RowWiseDecorator(inner)
    {
        private readonly Scratch _scratch = new();

        internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output)
        {
            _scratch.Reset(gu.Count * Scratch.Stride(gu.Width));
            Rows swapped = _scratch.Rows(gu.Count, gu.Width);
            gu.Columns(0, output.Width).CopyTo(swapped.Columns(output.Width, output.Width));
            gu.Columns(output.Width, output.Width).CopyTo(swapped.Columns(0, output.Width));
            Inner.SwiGlu(swapped, alpha, limit, output);
        }
    }

    /// <summary>The chosen experts are the sound ones; their weights are computed again.</summary>
    private abstract class OtherWeights(Kernels inner) : RowWiseDecorator(inner)
    {
        internal sealed override void Route(Rows logits, int k, Span<int> experts, Span<float> weights)
        {
            Inner.Route(logits, k, experts, weights);
            Weigh(logits, k, experts, weights);
        }

        internal sealed override void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights)
        {
            for (int row = 0; row < logits.Count; row++)
                Weigh(logits[row], experts.Slice(row * k, k), weights.Slice(row * k, k));
        }

        /// <summary>Sets the weights of one token's experts, best first.</summary>
        protected abstract void Weigh(ReadOnlySpan<float> logits, ReadOnlySpan<int> experts, Span<float> weights);

        /// <summary>Divides the weights by a sum, and rounds.</summary>
        protected void Divide(Span<float> weights, float sum)
        {
            foreach (ref float weight in weights)
                weight = Round(weight / sum);
        }
    }

    private sealed class SoftmaxOverAll(Kernels inner) : OtherWeights(inner)
    {
        protected override void Weigh(ReadOnlySpan<float> logits, ReadOnlySpan<int> experts, Span<float> weights)
        {
            float[] powers = new float[logits.Length];
            for (int e = 0; e < logits.Length; e++)
                powers[e] = logits[e] - logits[experts[0]];
            Inner.Exp(powers, powers);
            for (int i = 0; i < experts.Length; i++)
                weights[i] = powers[experts[i]];
            Divide(weights, powers.Sum());
        }
    }

    private sealed class SigmoidWeights(Kernels inner) : OtherWeights(inner)
    {
        protected override void Weigh(ReadOnlySpan<float> logits, ReadOnlySpan<int> experts, Span<float> weights)
        {
            float sum = 0;
            for (int i = 0; i < experts.Length; i++)
                sum += weights[i] = Round(1 / (1 + Elementary.Exp(-logits[experts[i]])));
            Divide(weights, sum);
        }
    }

    /// <summary>The last expert stays in its place with weight 0, so that every token has as many as the block expects.</summary>
    private sealed class OneExpertFewer(Kernels inner) : OtherWeights(inner)
    {
        protected override void Weigh(ReadOnlySpan<float> logits, ReadOnlySpan<int> experts, Span<float> weights)
        {
            float sum = 0;
            for (int i = 0; i < experts.Length - 1; i++)
                sum += weights[i] = Elementary.Exp(logits[experts[i]] - logits[experts[0]]);
            Divide(weights[..^1], sum);
            weights[^1] = 0;
        }
    }

    /// <summary>The second product without its bias, mixed as ever, and then the biases with weight 1.</summary>
    private sealed class UnweightedBias(Kernels inner) : RowWiseDecorator(inner)
    {
        private readonly Scratch _scratch = new();
        private float[] _ones = [];
        private StoredVector _zeros;
        private int _slots, _width;

        internal static Kernels In(Kernels inner)
        {
            var mixed = new UnweightedBias(inner);
            return inner with { Products = new WithoutBias(inner, mixed), RowWise = mixed };
        }

        internal override void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x)
        {
            Inner.MixExperts(y, weights, k, x);
            Inner.MixExperts(Biases(), _ones.AsSpan(0, _slots), k, x);
        }

        /// <summary>Keeps the bias of every slot's expert, and answers with zeros in their place.</summary>
        private StoredVector SetAside(StoredVector bias, int width, ExpertGroups groups)
        {
            (_slots, _width) = (groups.Count, width);
            Rows kept = Biases();
            foreach (int expert in groups.Active)
            {
                foreach (int slot in groups.SlotsOf(expert))
                {
                    for (int i = 0; i < width; i++)
                        kept[slot][i] = bias[expert * width + i];
                }
            }
            if (_ones.Length < _slots)
                Array.Fill(_ones = new float[_slots], 1);
            if (_zeros.Length != bias.Length)
                _zeros = bias.Zeros();
            return _zeros;
        }

        private Rows Biases()
        {
            _scratch.Reset(_slots * Scratch.Stride(_width));
            return _scratch.Rows(_slots, _width);
        }

        private sealed class WithoutBias(Kernels inner, UnweightedBias mixed) : ProductDecorator(inner)
        {
            internal override void ExpertLinear(
                Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output)
            {
                if (!IsFirst(share, deinterleave))
                    bias = mixed.SetAside(bias, w.Rows, groups);
                Inner.ExpertLinear(x, share, w, bias, groups, deinterleave, output);
            }
        }
    }
}
