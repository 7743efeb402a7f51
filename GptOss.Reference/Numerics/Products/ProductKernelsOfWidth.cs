using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>The matrix products of one width and profile: shapes are checked here, then a <see cref="Product"/> runs on the weights' rows.</summary>
internal sealed unsafe class ProductKernelsOfWidth<TBlock, TVector, TProfile>(WorkerPool pool) : ProductKernels
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    private Memory<nint> _pointers;
    private ProductGroup[] _groups = [];
    private Memory<float> _pairs;

    internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output)
    {
        Shapes.Require(w.Count == 1 && x.Width == w.Columns && output.Width == w.Rows && output.Count == x.Count, x, output, w.Rows, w.Columns);
        Shapes.Require(bias.Length == 0 || bias.Length == w.Rows, x, output, w.Rows, w.Columns);
        if (x.Count == 0)
            return;
        x = InOrderOf(w, x);
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            (nint inputs, nint outputs) = Pointers(x.Count);
            for (int i = 0; i < x.Count; i++)
            {
                ((float**)inputs)[i] = PaddedInput(x, from, i);
                ((float**)outputs)[i] = to + (nint)i * output.Stride;
            }
            ProductGroup group = new() { Count = x.Count };
            ProductCall<TBlock, TVector, TProfile> call = new(pool, new()
            {
                Groups = &group, GroupCount = 1, Rows = w.Rows, Inputs = (float**)inputs, Outputs = (float**)outputs, Bias = new(halves, wide),
            });
            w.Open(ref call);
        }
    }

    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output)
    {
        Shapes.Require(x.Width == w.Columns && output.Width == w.Rows && output.Count == groups.Count && x.Count * share == groups.Count, x, output,
            w.Rows, w.Columns);
        Shapes.Require(bias.Length == w.Count * w.Rows, x, output, w.Rows, w.Columns);
        if (groups.Count == 0)
            return;
        foreach (int expert in groups.Active)
            w.RequireNumbers(expert);
        if (_groups.Length < groups.Active.Count)
            _groups = new ProductGroup[groups.Active.Count];
        x = InOrderOf(w, x);
        fixed (ProductGroup* list = _groups)
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            (nint inputs, nint outputs) = Pointers(groups.Count);
            int at = 0;
            for (int g = 0; g < groups.Active.Count; g++)
            {
                ReadOnlySpan<int> slots = groups.SlotsOf(groups.Active[g]);
                list[g] = new() { FirstRow = (nint)groups.Active[g] * w.Rows, First = at, Count = slots.Length };
                foreach (int slot in slots)
                {
                    ((float**)inputs)[at] = PaddedInput(x, from, slot / share);
                    ((float**)outputs)[at++] = to + (nint)slot * output.Stride;
                }
            }
            ProductCall<TBlock, TVector, TProfile> call = new(pool, new()
            {
                Groups = list, GroupCount = groups.Active.Count, Rows = w.Rows, Inputs = (float**)inputs, Outputs = (float**)outputs,
                Bias = new(halves, wide),
                BiasApart = true, Deinterleave = deinterleave,
            });
            w.Open(ref call);
        }
    }

    /// <summary>Activation rows in the order of the weights' lanes.</summary>
    private Rows InOrderOf(Weights w, Rows x)
    {
        if (!w.ReadsPairs)
            return x;
        int floats = checked(x.Count * x.Width);
        if (_pairs.Length < floats)
            _pairs = AlignedBuffer.Allocate<float>(floats);
        Rows pairs = new(_pairs.Span[..floats], x.Count, x.Width, x.Width);
        fixed (float* from = &x.First, to = &pairs.First)
        {
            LaneOrderJob job = new(from, x.Stride, to, pairs.Stride, x.Count, x.Width);
            pool.RunRows(ref job, x.Count);
        }
        return pairs;
    }

    internal override float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(w.Length, x.Length);
        Span<float> padded = ThreadScratch.Floats((x.Length + 15) & ~15);
        padded.Clear();
        x.CopyTo(padded);
        fixed (float* a = padded)
        fixed (ushort* b = w)
            return new Bf16Rows(b, x.Length).Dot<TBlock>(0, a);
    }

    /// <summary>Two lists of <paramref name="count"/> pointers each, kept between calls.</summary>
    private (nint Inputs, nint Outputs) Pointers(int count)
    {
        if (_pointers.Length < 2 * count)
            _pointers = AlignedBuffer.Allocate<nint>(2 * count);
        nint* first = (nint*)Unsafe.AsPointer(ref _pointers.Span[0]);      // pinned, see AlignedBuffer
        return ((nint)first, (nint)(first + count));
    }

    /// <summary>The row itself, padded in place with zeros to whole blocks.</summary>
    private static float* PaddedInput(Rows x, float* first, int row)
    {
        int padded = (x.Width + 15) & ~15;
        if (padded != x.Width)
        {
            if (padded > (row == x.Count - 1 ? x.LastRowReach : x.Stride))
                throw new ArgumentException($"Rows of {x.Width} need room for {padded} elements each; a stride of {x.Stride} is too small.");
            new Span<float>(first + (nint)row * x.Stride + x.Width, padded - x.Width).Clear();
        }
        return first + (nint)row * x.Stride;
    }
}
