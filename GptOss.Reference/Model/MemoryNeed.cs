using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Caches;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Model;

/// <summary>Memory that running a model takes, in bytes.</summary>
/// <param name="Weights">Tensors, mapped from their files: shared with other programs, and reclaimed by the system when it needs memory.</param>
/// <param name="SlidingCache">Keys and values of the sliding layers: rings that do not grow with the context.</param>
/// <param name="FullCache">Keys and values of the layers that see the whole context.</param>
/// <param name="Scratch">Intermediate rows of one chunk, one row of logits, and the norm gains as float32.</param>
internal sealed record MemoryNeed(long Weights, long SlidingCache, long FullCache, long Scratch)
{
    /// <summary>Everything that is not mapped: what the process itself allocates for one sequence.</summary>
    public long Private => SlidingCache + FullCache + Scratch;

    /// <summary>Weights and private memory together: with less the system reads weights from disk again and again.</summary>
    public long Total => Weights + Private;

    /// <summary>What one sequence of <paramref name="context"/> tokens takes.</summary>
    /// <param name="config">A checked configuration.</param>
    /// <param name="context">Tokens, prompt and answer together.</param>
    /// <param name="precision">In bfloat16 the cache takes half.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="context"/> is not in 1 … <see cref="GptOssConfig.MaxPositions"/>.</exception>
    public static MemoryNeed Of(GptOssConfig config, int context, Precision precision = Precision.Float32)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfLessThan(context, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context, config.MaxPositions);
        long sliding = 0, full = 0;
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            int? ring = Sequence.RingPositions(config, layer);
            long bytes = HostCache.BytesFor(config.NumKeyValueHeads, config.HeadDim, ring, precision == Precision.Bfloat16, context);
            if (ring is null)
                full += bytes;
            else
                sliding += bytes;
        }
        return new(ParameterCount.From(config).TensorBytes, sliding, full, ScratchBytes(config, Math.Min(context, ModelLimits.ChunkTokens(config))));
    }

    private static long ScratchBytes(GptOssConfig config, long tokens)
    {
        long residual = (tokens + 2) * Model.Scratch.Stride(config.HiddenSize);
        long block = tokens * Math.Max(AttentionBlock.ScratchFloats(config), ExpertBlock.ScratchFloats(config));
        // activations in MXFP4's order
        long pairs = tokens * Math.Max(config.HiddenSize, (long)config.ExpertsPerToken * config.IntermediateSize);
        long rotation = tokens * config.HeadDim;
        long gains = (2L * config.NumHiddenLayers + 1) * config.HiddenSize;
        return sizeof(float) * (residual + block + pairs + rotation + gains + config.VocabSize);
    }
}
