using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>
/// What a model replaces when it is built over an opened checkpoint: numbers, small weights, angles, kernels. The blocks are the same and know
/// nothing of it, so the sound model has no switch and pays nothing.
/// </summary>
internal sealed record ModelVariant
{
    /// <summary>Replaces nothing.</summary>
    internal static ModelVariant Sound { get; } = new();

    /// <summary>Other numbers: epsilon, window, sliding layers, clamp.</summary>
    internal Func<GptOssConfig, GptOssConfig> Config { get; init; } = config => config;

    /// <summary>Other small weights of an attention block.</summary>
    internal Func<AttentionBlockWeights, GptOssConfig, AttentionBlockWeights> Attention { get; init; } = (weights, _) => weights;

    /// <summary>Other small weights of an expert block.</summary>
    internal Func<ExpertBlockWeights, GptOssConfig, ExpertBlockWeights> Experts { get; init; } = (weights, _) => weights;

    /// <summary>Another gain of the final norm.</summary>
    internal Func<float[], float[]> FinalNorm { get; init; } = gain => gain;

    /// <summary>Other angles by which heads turn.</summary>
    internal Func<RotaryTable, GptOssConfig, RotaryTable> Rotary { get; init; } = (table, _) => table;

    /// <summary>Other kernels, composed of the sound ones.</summary>
    internal Func<Kernels, Kernels> Kernels { get; init; } = kernels => kernels;

    /// <summary>
    /// The one layer that deviates; null for the whole model. A single layer deviates in its weights and kernels, and in epsilon, clamp and α.
    /// </summary>
    internal int? Layer { get; init; }

    /// <summary>The variant of a layer; <paramref name="layer"/> is null for what is outside the layers.</summary>
    internal ModelVariant At(int? layer) => Layer is null || Layer == layer ? this : Sound;

    /// <summary>This variant, and another on top of it.</summary>
    /// <exception cref="ArgumentException">They are of different layers.</exception>
    internal ModelVariant Then(ModelVariant next)
    {
        if (Layer != next.Layer)
            throw new ArgumentException("Variants of different layers cannot be one.", nameof(next));
        return new()
        {
            Layer = Layer,
            Config = config => next.Config(Config(config)),
            Attention = (weights, config) => next.Attention(Attention(weights, config), config),
            Experts = (weights, config) => next.Experts(Experts(weights, config), config),
            FinalNorm = gain => next.FinalNorm(FinalNorm(gain)),
            Rotary = (table, config) => next.Rotary(Rotary(table, config), config),
            Kernels = kernels => next.Kernels(Kernels(kernels)),
        };
    }
}
