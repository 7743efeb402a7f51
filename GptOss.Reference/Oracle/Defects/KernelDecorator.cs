using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>The operations of a model, passed on as they are. A mistake in one of them overrides that one and composes it of the sound ones.</summary>
internal abstract class KernelDecorator(Kernels inner) : Kernels
{
    /// <summary>The operations underneath.</summary>
    protected Kernels Inner => inner;

    internal override RegisterWidth Width => inner.Width;

    internal override Precision Precision => inner.Precision;

    internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output) => inner.Linear(x, w, bias, output);

    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output) =>
        inner.ExpertLinear(x, share, w, bias, groups, deinterleave, output);

    internal override void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output) => inner.RmsNorm(x, gain, eps, output);

    internal override void Rotate(Rows heads, Rows cosines, Rows sines) => inner.Rotate(heads, cosines, sines);

    internal override void Attend(QueryRow[] rows, Rows q, ReadOnlySpan<float> sinks, int keyValueHeads, int headDim, int? window, Rows output) =>
        inner.Attend(rows, q, sinks, keyValueHeads, headDim, window, output);

    /// <summary>A mistaken model's attention is not shown: it would have to be mistaken here too.</summary>
    internal override float Probabilities(QueryRow row, ReadOnlySpan<float> q, int keyValueHead, float sink, Span<float> probabilities) =>
        throw new NotSupportedException("Attention is shown of the sound model only.");

    internal override void Route(Rows logits, int k, Span<int> experts, Span<float> weights) => inner.Route(logits, k, experts, weights);

    internal override void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights) => inner.Weigh(logits, k, experts, weights);

    internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output) => inner.SwiGlu(gu, alpha, limit, output);

    internal override void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x) => inner.MixExperts(y, weights, k, x);

    internal override void Add(Rows x, Rows delta) => inner.Add(x, delta);

    internal override float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w) => inner.Dot(x, w);

    internal override void Exp(ReadOnlySpan<float> input, Span<float> output) => inner.Exp(input, output);

    /// <summary>Whether an expert product is a token's first: its matrix alternates gate and linear, or is one of the two and shares a row among the token's experts.</summary>
    protected static bool IsFirst(int share, bool deinterleave) => deinterleave || share > 1;

    /// <summary>B(value): the rounding of the profile.</summary>
    protected float Round(float value) => Precision == Precision.Bfloat16 ? Bfloat16.Round(value) : value;
}
