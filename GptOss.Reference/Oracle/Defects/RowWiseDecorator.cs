using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>A model's row-wise kernels, passed on unchanged. A mistake in one of them overrides that one and composes it of the sound ones.</summary>
internal abstract class RowWiseDecorator(Kernels inner) : RowWiseKernels
{
    /// <summary>The kernels underneath.</summary>
    protected RowWiseKernels Inner { get; } = inner.RowWise;

    internal override void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output) => Inner.RmsNorm(x, gain, eps, output);

    internal override void Rotate(Rows heads, Rows cosines, Rows sines) => Inner.Rotate(heads, cosines, sines);

    internal override void Route(Rows logits, int k, Span<int> experts, Span<float> weights) => Inner.Route(logits, k, experts, weights);

    internal override void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights) => Inner.Weigh(logits, k, experts, weights);

    internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output) => Inner.SwiGlu(gu, alpha, limit, output);

    internal override void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x) => Inner.MixExperts(y, weights, k, x);

    internal override void Add(Rows x, Rows delta) => Inner.Add(x, delta);

    internal override void Exp(ReadOnlySpan<float> input, Span<float> output) => Inner.Exp(input, output);

    /// <summary>B(value): the rounding of the profile.</summary>
    protected float Round(float value) => inner.Precision == Precision.Bfloat16 ? Bfloat16.Round(value) : value;
}
