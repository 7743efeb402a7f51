using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Products;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>A model's products, passed on unchanged. A mistake in one of them overrides that one and composes it of the sound ones.</summary>
internal abstract class ProductDecorator(Kernels inner) : ProductKernels
{
    /// <summary>The products underneath.</summary>
    protected ProductKernels Inner { get; } = inner.Products;

    internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output) => Inner.Linear(x, w, bias, output);

    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output) =>
        Inner.ExpertLinear(x, share, w, bias, groups, deinterleave, output);

    internal override float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w) => Inner.Dot(x, w);

    /// <summary>
    /// Whether an expert product is a token's first: its matrix alternates gate and linear, or is one of the two and shares a row among the token's
    /// experts.
    /// </summary>
    protected static bool IsFirst(int share, bool deinterleave) => deinterleave || share > 1;
}
