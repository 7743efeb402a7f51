using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>The products of the fast profile: weights that have integers meet activations in 8 bits, all others meet them as they are.</summary>
internal sealed unsafe class RoundedProductKernels<TBlock, TBytes>(WorkerPool pool, ProductKernels exact) : ProductKernels
    where TBlock : struct, IF32x16<TBlock>
    where TBytes : struct, IByteVector<TBytes>
{
    private readonly ProductLists _lists = new();
    private Memory<byte> _codes;

    internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output)
    {
        if (!w.HasIntegers || x.Count == 0)
        {
            exact.Linear(x, w, bias, output);
            return;
        }
        RequireLinear(x, w, bias, output);
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            IntegerInputs codes = Codes(x, from);
            IntegerProductCall<TBlock, TBytes> call = new(pool,
                _lists.Whole(w, codes.Pointers, x.Count, new(halves, wide), new(to, sizeof(float) * output.Stride)), codes);
            w.OpenIntegers(ref call);
        }
    }

    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output)
    {
        if (!w.HasIntegers || groups.Count == 0)
        {
            exact.ExpertLinear(x, share, w, bias, groups, deinterleave, output);
            return;
        }
        RequireExperts(x, share, w, bias, groups, output);
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            IntegerInputs codes = Codes(x, from);
            Product product = _lists.OfExperts(w, codes.Pointers, share, new(halves, wide), groups, new(to, sizeof(float) * output.Stride));
            product.Deinterleave = deinterleave;
            IntegerProductCall<TBlock, TBytes> call = new(pool, product, codes);
            w.OpenIntegers(ref call);
        }
    }

    internal override float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w) => exact.Dot(x, w);

    private IntegerInputs Codes(Rows x, float* from)
    {
        int bytes = checked(x.Count * IntegerStep.CountOf(x.Width) * sizeof(IntegerStep));
        if (_codes.Length < bytes)
            _codes = AlignedBuffer.Allocate<byte>(bytes);
        return new(from, x.Stride, x.Count, x.Width, (IntegerStep*)Unsafe.AsPointer(ref _codes.Span[0]));      // pinned, see AlignedBuffer
    }
}
