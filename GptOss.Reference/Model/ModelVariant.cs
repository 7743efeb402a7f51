using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>
/// What a model exchanges when it is built over an opened checkpoint: numbers, small weights, angles, operations. The blocks are the same and
/// know nothing of it, so the sound model has no switch and pays nothing.
/// </summary>
internal sealed record ModelVariant
{
    /// <summary>Exchanges nothing.</summary>
    internal static ModelVariant Sound { get; } = new();

    /// <summary>Other numbers: epsilon, window, sliding layers, clamp.</summary>
    internal Func<GptOssConfig, GptOssConfig> Config { get; init; } = config => config;

    /// <summary>Other small weights of an attention block.</summary>
    internal Func<AttentionWeights, GptOssConfig, AttentionWeights> Attention { get; init; } = (weights, _) => weights;

    /// <summary>Other small weights of an expert block.</summary>
    internal Func<ExpertWeights, GptOssConfig, ExpertWeights> Experts { get; init; } = (weights, _) => weights;

    /// <summary>Another gain of the final norm.</summary>
    internal Func<float[], float[]> FinalNorm { get; init; } = gain => gain;

    /// <summary>Other angles by which heads turn.</summary>
    internal Func<RotaryTable, GptOssConfig, RotaryTable> Rotary { get; init; } = (table, _) => table;

    /// <summary>Other operations, composed of the sound ones.</summary>
    internal Func<Kernels, Kernels> Kernels { get; init; } = kernels => kernels;

    /// <summary>This variant, and another on top of it.</summary>
    internal ModelVariant Then(ModelVariant next) => new()
    {
        Config = config => next.Config(Config(config)),
        Attention = (weights, config) => next.Attention(Attention(weights, config), config),
        Experts = (weights, config) => next.Experts(Experts(weights, config), config),
        FinalNorm = gain => next.FinalNorm(FinalNorm(gain)),
        Rotary = (table, config) => next.Rotary(Rotary(table, config), config),
        Kernels = kernels => next.Kernels(Kernels(kernels)),
    };
}
