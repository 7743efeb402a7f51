using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Products;

namespace GptOss.Reference.Model;

/// <summary>One mixture-of-experts layer: norm, route, expand, SwiGLU, contract, mix, add.</summary>
internal sealed class ExpertBlock(ExpertWeights weights, GptOssConfig config, int layer, Kernels kernels)
{
    private readonly GptOssConfig _config = config;
    private readonly ExpertGroups _groups = new();
    private int[] _experts = [];
    private float[] _weights = [];

    /// <summary>Floats of scratch memory for one token.</summary>
    internal static long ScratchFloats(GptOssConfig config) =>
        (long)Scratch.Stride(config.HiddenSize) + Scratch.Stride(config.NumExperts)
        + (long)config.ExpertsPerToken
            * (Scratch.Stride(2 * config.IntermediateSize) + Scratch.Stride(config.IntermediateSize) + Scratch.Stride(config.HiddenSize));

    /// <summary>Adds the chosen experts' outputs to the residual stream <paramref name="x"/>, in place.</summary>
    /// <exception cref="CheckpointFormatException">A chosen expert has a scale that is not a number.</exception>
    /// <exception cref="InvalidOperationException">The observer left an expert that there is not, or one twice.</exception>
    internal void Forward<TObserver>(Rows x, Chunk chunk, Scratch scratch, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        int k = _config.ExpertsPerToken, slots = x.Count * k, intermediate = _config.IntermediateSize;
        Rows t       = scratch.Rows(x.Count, _config.HiddenSize);         // [tokens, hidden]
        Rows router  = scratch.Rows(x.Count, _config.NumExperts);         // [tokens, experts]
        Rows gu      = scratch.Rows(slots, 2 * intermediate);             // [tokens·k, gate | linear]
        Rows h       = scratch.Rows(slots, intermediate);                 // [tokens·k, intermediate]
        Rows y       = scratch.Rows(slots, _config.HiddenSize);           // [tokens·k, hidden]
        if (_experts.Length < slots)
            (_experts, _weights) = (new int[slots], new float[slots]);
        Span<int> experts = _experts.AsSpan(0, slots);                    // [tokens, k], best first
        Span<float> expertWeights = _weights.AsSpan(0, slots);            // [tokens, k]

        kernels.RowWise.RmsNorm(x, weights.Norm, _config.RmsNormEps, t);
        if (TObserver.IsActive)
            observer.Observe(Stage.MlpNorm, layer, chunk.Origins, t);
        kernels.Products.Linear(t, weights.Gate, weights.GateBias, router);
        if (TObserver.IsActive)
            observer.Observe(Stage.Router, layer, chunk.Origins, router);
        kernels.RowWise.Route(router, k, experts, expertWeights);
        if (TObserver.IsActive)
        {
            observer.ObserveExperts(layer, chunk.Origins, router, experts, k);
            RequireChoices(chunk.Origins, experts, k);
            kernels.RowWise.Weigh(router, k, experts, expertWeights);
            observer.Observe(Stage.ExpertWeights, layer, chunk.Origins, new(expertWeights, x.Count, k, k));
        }

        _groups.Group(experts, _config.NumExperts);
        Expand(t, k, gu);
        kernels.RowWise.SwiGlu(gu, _config.SwigluAlpha, _config.SwigluLimit, h);
        if (TObserver.IsActive)
            observer.Observe(Stage.SwiGlu, layer, chunk.Origins, h.Joined(k));

        kernels.Products.ExpertLinear(h, 1, weights.Mlp2, weights.Mlp2Bias, _groups, deinterleave: false, y);
        if (TObserver.IsActive)
            observer.Observe(Stage.ExpertOutputs, layer, chunk.Origins, y.Joined(k));
        kernels.RowWise.MixExperts(y, expertWeights, k, x);
        if (TObserver.IsActive)
            observer.Observe(Stage.MlpResidual, layer, chunk.Origins, x);
    }

    /// <summary>Refuses choices of an observer that no router could have made.</summary>
    private void RequireChoices(ReadOnlySpan<RowOrigin> origins, ReadOnlySpan<int> experts, int k)
    {
        for (int slot = 0; slot < experts.Length; slot++)
        {
            int expert = experts[slot];
            bool exists = (uint)expert < (uint)_config.NumExperts;
            if (exists && !experts[(slot / k * k)..slot].Contains(expert))
                continue;
            string choice = $"The observer chose expert {expert} for position {origins[slot / k].Position} in layer {layer}";
            throw new InvalidOperationException(exists ? $"{choice} twice." : $"{choice}; experts go from 0 to {_config.NumExperts - 1}.");
        }
    }

    /// <summary>The first product: gate and linear as one matrix whose rows alternate, or as two.</summary>
    private void Expand(Rows t, int k, Rows gu)
    {
        if (weights.Mlp1.Count == 1)
        {
            kernels.Products.ExpertLinear(t, k, weights.Mlp1[0], weights.Mlp1Bias[0], _groups, deinterleave: true, gu);
            return;
        }
        for (int part = 0, width = _config.IntermediateSize; part < weights.Mlp1.Count; part++)
        {
            kernels.Products.ExpertLinear(t, k, weights.Mlp1[part], weights.Mlp1Bias[part], _groups, deinterleave: false,
                gu.Columns(part * width, width));
        }
    }
}
