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
    private readonly ProductLists _lists = new();
    private Memory<float> _pairs;

    internal override void Linear(Rows x, Weights w, StoredVector bias, Rows output)
    {
        RequireLinear(x, w, bias, output);
        if (x.Count == 0)
            return;
        x = InOrderOf(w, x);
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            ProductCall<TBlock, TVector, TProfile> call = new(pool, _lists.Whole(w, new(from, sizeof(float) * x.Stride), x.Count,
                new(halves, wide), new(to, sizeof(float) * output.Stride)));
            w.Open(ref call);
        }
    }

    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output)
    {
        RequireExperts(x, share, w, bias, groups, output);
        if (groups.Count == 0)
            return;
        x = InOrderOf(w, x);
        fixed (float* from = &x.First, to = &output.First, wide = bias.Wide.Span)
        fixed (ushort* halves = bias.Halves.Span)
        {
            Product product = _lists.OfExperts(w, new(from, sizeof(float) * x.Stride), share, new(halves, wide), groups,
                new(to, sizeof(float) * output.Stride));
            (product.BiasApart, product.Deinterleave) = (true, deinterleave);
            ProductCall<TBlock, TVector, TProfile> call = new(pool, product);
            w.Open(ref call);
        }
    }

    /// <summary>Activation rows in the order of the weights' lanes, padded with zeros to whole blocks.</summary>
    private Rows InOrderOf(Weights w, Rows x)
    {
        if (!w.ReadsPairs)
        {
            Pad(x);
            return x;
        }
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

    private static void Pad(Rows x)
    {
        int padded = (x.Width + 15) & ~15;
        if (padded == x.Width)
            return;
        if (padded > (x.Count == 1 ? x.LastRowReach : Math.Min(x.Stride, x.LastRowReach)))
            throw new ArgumentException($"Rows of {x.Width} need room for {padded} elements each; a stride of {x.Stride} is too small.");
        fixed (float* first = &x.First)
        {
            for (int row = 0; row < x.Count; row++)
                new Span<float>(first + (nint)row * x.Stride + x.Width, padded - x.Width).Clear();
        }
    }
}
