using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Products;

namespace GptOss.Reference.Model;

/// <summary>One mixture-of-experts block: norm, route, expand, SwiGLU, contract, mix, add.</summary>
internal sealed class ExpertBlock(ExpertBlockWeights weights, GptOssConfig config, int layer, Kernels kernels) : Block
{
    private readonly ExpertGroups _groups = new();
    private int[] _experts = [];
    private float[] _weights = [];

    /// <summary>Floats of scratch memory for one token.</summary>
    internal static long ScratchFloats(GptOssConfig config) =>
        (long)Scratch.Stride(config.HiddenSize) + Scratch.Stride(config.NumExperts)
        + (long)config.ExpertsPerToken
            * (Scratch.Stride(2 * config.IntermediateSize) + Scratch.Stride(config.IntermediateSize) + Scratch.Stride(config.HiddenSize));

    /// <inheritdoc/>
    /// <exception cref="CheckpointFormatException">A chosen expert has a scale that is not a number.</exception>
    /// <exception cref="InvalidOperationException">The observer chose an expert that does not exist, or one twice.</exception>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Scratch scratch, ref TObserver observer)
    {
        Rows x       = residual.OnHost();                                 // [tokens, hidden]
        scratch.Reset(x.Count * ScratchFloats(config));
        int k = config.ExpertsPerToken, slots = x.Count * k, intermediate = config.IntermediateSize;
        Rows t       = scratch.Rows(x.Count, config.HiddenSize);          // [tokens, hidden]
        Rows router  = scratch.Rows(x.Count, config.NumExperts);          // [tokens, experts]
        Rows gu      = scratch.Rows(slots, 2 * intermediate);             // [tokens·k, gate | linear]
        Rows h       = scratch.Rows(slots, intermediate);                 // [tokens·k, intermediate]
        Rows y       = scratch.Rows(slots, config.HiddenSize);            // [tokens·k, hidden]
        if (_experts.Length < slots)
            (_experts, _weights) = (new int[slots], new float[slots]);
        Span<int> experts = _experts.AsSpan(0, slots);                    // [tokens, k], best first
        Span<float> expertWeights = _weights.AsSpan(0, slots);            // [tokens, k]

        kernels.RowWise.RmsNorm(x, weights.Norm, config.RmsNormEps, t);
        chunk.Show(Stage.MlpNorm, layer, t, ref observer);
        kernels.Products.Linear(t, weights.Gate, weights.GateBias, router);
        chunk.Show(Stage.Router, layer, router, ref observer);
        kernels.RowWise.Route(router, k, experts, expertWeights);
        if (chunk.ShowExperts(layer, router, experts, ref observer))
            kernels.RowWise.Weigh(router, k, experts, expertWeights);     // the observer may have changed logits or choices
        chunk.Show(Stage.ExpertWeights, layer, new(expertWeights, x.Count, k, k), ref observer);

        _groups.Group(experts, config.NumExperts);
        Expand(t, k, gu);
        kernels.RowWise.SwiGlu(gu, config.SwigluAlpha, config.SwigluLimit, h);
        chunk.Show(Stage.SwiGlu, layer, h.Joined(k), ref observer);

        kernels.Products.ExpertLinear(h, 1, weights.Mlp2, weights.Mlp2Bias, _groups, deinterleave: false, y);
        chunk.Show(Stage.ExpertOutputs, layer, y.Joined(k), ref observer);
        kernels.RowWise.MixExperts(y, expertWeights, k, x);
        chunk.Show(Stage.MlpResidual, layer, x, ref observer);
    }

    /// <summary>The first product: gate and linear as one matrix with alternating rows, or as two matrices.</summary>
    private void Expand(Rows t, int k, Rows gu)
    {
        if (weights.Mlp1.Count == 1)
        {
            kernels.Products.ExpertLinear(t, k, weights.Mlp1[0], weights.Mlp1Bias[0], _groups, deinterleave: true, gu);
            return;
        }
        for (int part = 0, width = config.IntermediateSize; part < weights.Mlp1.Count; part++)
        {
            kernels.Products.ExpertLinear(t, k, weights.Mlp1[part], weights.Mlp1Bias[part], _groups, deinterleave: false,
                gu.Columns(part * width, width));
        }
    }
}
