using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Attention;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>A model's attention with a mistake, composed of the sound one.</summary>
internal abstract class AttentionDecorator(Kernels inner) : AttentionKernels
{
    /// <summary>The attention underneath.</summary>
    protected AttentionKernels Inner { get; } = inner.Attention;

    /// <summary>The shares of a mistaken model cannot be shown: this second computation would need the same mistake.</summary>
    internal sealed override float Probabilities(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float sink, Span<float> probabilities) =>
        throw new NotSupportedException("Attention can be shown for the sound model only.");
}
