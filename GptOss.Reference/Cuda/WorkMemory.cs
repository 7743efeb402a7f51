using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;

namespace GptOss.Reference.Cuda;

/// <summary>Intermediate values of a chunk on the card, allocated once for as many tokens as pass together. Rows are without gaps.</summary>
internal sealed class WorkMemory
{
    /// <summary>Rows of logits that are computed at once.</summary>
    internal const int HeadTokens = 64;

    private const long MostScoreBytes = 256L << 20;

    /// <summary>Allocates it.</summary>
    internal WorkMemory(GptOssConfig config, Allocations memory)
    {
        ulong[] at = [.. Sizes(config).Select(memory.Allocate)];
        (X, T, Qkv, Attended, Scores) = (at[0], at[1], at[2], at[3], at[4]);
        (Router, Choices, Shares, Hidden, Outputs, Groups, Logits) = (at[5], at[6], at[7], at[8], at[9], at[10], at[11]);
        ScoreBytes = Sizes(config)[4];
    }

    /// <summary>The residual stream, [tokens, hidden].</summary>
    internal ulong X { get; }

    /// <summary>Normed rows, [tokens, hidden].</summary>
    internal ulong T { get; }

    /// <summary>[tokens, (heads + 2·kvHeads)·headDim].</summary>
    internal ulong Qkv { get; }

    /// <summary>[tokens, heads·headDim].</summary>
    internal ulong Attended { get; }

    /// <summary>Scores of attention and their maxima.</summary>
    internal ulong Scores { get; }

    /// <summary>How large <see cref="Scores"/> is.</summary>
    internal long ScoreBytes { get; }

    /// <summary>Router logits, [tokens, experts].</summary>
    internal ulong Router { get; }

    /// <summary>int32, [tokens, k].</summary>
    internal ulong Choices { get; }

    /// <summary>Weights of the chosen experts, [tokens, k].</summary>
    internal ulong Shares { get; }

    /// <summary>Inside the experts, [tokens·k, intermediate].</summary>
    internal ulong Hidden { get; }

    /// <summary>What each expert says, [tokens·k, hidden].</summary>
    internal ulong Outputs { get; }

    /// <summary>Lists of slots and tiles.</summary>
    internal ulong Groups { get; }

    /// <summary>[<see cref="HeadTokens"/>, vocabulary].</summary>
    internal ulong Logits { get; }

    /// <summary>Bytes of each part, in the order of the constructor.</summary>
    internal static long[] Sizes(GptOssConfig c)
    {
        long tokens = ModelLimits.ChunkTokens(c), slots = tokens * c.ExpertsPerToken;
        DeviceAttention full = new(c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, 0, int.MaxValue);
        long one = DeviceKernels.AttendBytes(c.MaxPositions, full);
        long many = tokens * DeviceKernels.AttendBytes(Math.Min(Placement.ContextTokens, c.MaxPositions), full);
        return
        [
            .. from floats in new[]
            {
                tokens * c.HiddenSize, tokens * c.HiddenSize, tokens * (c.QuerySize + 2 * c.KeyValueSize), tokens * c.QuerySize,
            }
            select sizeof(float) * floats,
            Math.Max(one, Math.Min(many, MostScoreBytes)),
            sizeof(float) * tokens * c.NumExperts, sizeof(int) * slots, sizeof(float) * slots, sizeof(float) * slots * c.IntermediateSize,
            sizeof(float) * slots * c.HiddenSize, DeviceKernels.GroupBytes((int)tokens, c.NumExperts, c.ExpertsPerToken),
            sizeof(float) * Math.Min(tokens, HeadTokens) * c.VocabSize,
        ];
    }
}
