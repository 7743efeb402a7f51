using GptOss.Reference.Ground;

namespace GptOss.Reference.Generation;

/// <summary>A row of logits from which no token can be chosen: it holds a NaN, or nothing above −∞.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class LogitsException(string message, Exception? inner = null) : GptOssException(message, inner)
{
    /// <summary>The token ids that the model had read when it gave the row, from position 0 on; empty where that is not known.</summary>
    public ReadOnlyMemory<int> Ids { get; init; }
}
