using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>What happens to each row by itself, between the products and attention: norm, rotation, routing, SwiGLU, sums.</summary>
/// <remarks>Not thread-safe.</remarks>
internal abstract class RowWiseKernels
{
    /// <summary>output = B((x · r) · gain), r = 1/√(mean x² + eps).</summary>
    internal abstract void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output);

    /// <summary>Rotates the heads of every row by that row's cosines and sines [n, headDim / 2].</summary>
    internal abstract void Rotate(Rows heads, Rows cosines, Rows sines);

    /// <summary>The k best experts of every row, best first, and their weights.</summary>
    internal abstract void Route(Rows logits, int k, Span<int> experts, Span<float> weights);

    /// <summary>The weights of the given experts of every row, k per row.</summary>
    internal abstract void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights);

    /// <summary>output = clamped SwiGLU of [g | u]; gu [n, 2·width], output [n, width].</summary>
    internal abstract void SwiGlu(Rows gu, float alpha, float limit, Rows output);

    /// <summary>x ← B(x + B(Σ_rank weights · y)); y has k rows for every row of x.</summary>
    internal abstract void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x);

    /// <summary>x ← B(x + delta).</summary>
    internal abstract void Add(Rows x, Rows delta);

    /// <summary>output = e^input.</summary>
    internal abstract void Exp(ReadOnlySpan<float> input, Span<float> output);
}
