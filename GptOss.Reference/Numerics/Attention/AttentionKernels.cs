using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>Attention of query rows over their caches.</summary>
/// <remarks>Not thread-safe.</remarks>
internal abstract class AttentionKernels
{
    /// <summary>Attention of every query row over its cache, its own position included. q and output are [n, heads · headDim].</summary>
    internal abstract void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output);

    /// <summary>
    /// What one query head gives to each key, the softmax over its scores and the sink: a second computation, for observers.
    /// </summary>
    /// <param name="row">The token.</param>
    /// <param name="q">The rotated query of the head, [headDim].</param>
    /// <param name="keyValueHead">The key/value head that it reads.</param>
    /// <param name="sink">The head's sink.</param>
    /// <param name="probabilities">[visible keys], receives the probabilities; the last key is the token's own.</param>
    /// <returns>The sink's probability.</returns>
    internal abstract float Probabilities(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float sink, Span<float> probabilities);
}
