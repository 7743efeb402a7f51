using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Model;

/// <summary>What the sizes of a model may ask of one buffer.</summary>
internal static class ModelLimits
{
    /// <summary>The most floats of a buffer, 4 GiB: counts of 32 bits stay far from overflow.</summary>
    private const long MostFloats = 1L << 30;

    /// <summary>
    /// Tokens that pass through the layers together: <see cref="Sequence.ChunkTokens"/>, and fewer if the model is so wide that their intermediate
    /// values would not fit into one buffer. Changes no bit.
    /// </summary>
    internal static int ChunkTokens(GptOssConfig config)
    {
        long residual = 3L * Scratch.Stride(config.HiddenSize);         // the stream, and its wanted rows before and after the final norm
        long floats = Math.Max(residual, Math.Max(AttentionBlock.ScratchFloats(config), ExpertBlock.ScratchFloats(config)));
        return (int)Math.Clamp(MostFloats / floats, 1, Sequence.ChunkTokens);
    }

    /// <summary>Refuses a model if the scores of one token at the end of the context do not fit into one buffer.</summary>
    /// <exception cref="CheckpointFormatException">They do not.</exception>
    internal static void Require(GptOssConfig config, string folder)
    {
        if ((long)config.NumAttentionHeads * config.MaxPositions > MostFloats)
        {
            throw new CheckpointFormatException(Path.Combine(folder, "config.json"), "config-value",
                $"{config.NumAttentionHeads} attention heads over {config.MaxPositions} positions "
                + $"make {(long)config.NumAttentionHeads * config.MaxPositions} scores for one token; "
                + $"at most {MostFloats} are computed at once.");
        }
    }
}
