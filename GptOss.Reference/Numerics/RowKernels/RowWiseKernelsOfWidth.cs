using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>The row-wise kernels of one width and profile: checks, then one job each.</summary>
internal sealed unsafe class RowWiseKernelsOfWidth<TBlock, TProfile>(WorkerPool pool) : RowWiseKernels
    where TBlock : struct, IF32x16<TBlock>
    where TProfile : struct, IProfile
{
    internal override void RmsNorm(Rows x, ReadOnlySpan<float> gain, float eps, Rows output)
    {
        Shapes.RequireBlocks(x.Width == output.Width && x.Count == output.Count && gain.Length == x.Width, x, output);
        fixed (float* from = &x.First, g = gain, to = &output.First)
        {
            RmsNormJob<TBlock, TProfile> job = new(from, x.Stride, g, eps, to, output.Stride, x.Count, x.Width);
            pool.RunRows(ref job, x.Count);
        }
    }

    internal override void Rotate(Rows heads, Rows cosines, Rows sines)
    {
        int half = cosines.Width;
        Shapes.Require(sines.Width == half && half > 0 && heads.Width % (2 * half) == 0 && cosines.Count == heads.Count && sines.Count == heads.Count,
            heads, cosines, half, half);
        fixed (float* h = &heads.First, c = &cosines.First, s = &sines.First)
        {
            RotationJob<TProfile> job = new(h, heads.Stride, heads.Width, c, cosines.Stride, s, sines.Stride, half, heads.Count);
            pool.RunRows(ref job, heads.Count);
        }
    }

    internal override void Route(Rows logits, int k, Span<int> experts, Span<float> weights)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, logits.Width);
        for (int row = 0; row < logits.Count; row++)
            Router.Choose<TProfile>(logits[row], experts.Slice(row * k, k), weights.Slice(row * k, k));
    }

    internal override void Weigh(Rows logits, int k, ReadOnlySpan<int> experts, Span<float> weights)
    {
        for (int row = 0; row < logits.Count; row++)
            Router.Weigh<TProfile>(logits[row], experts.Slice(row * k, k), weights.Slice(row * k, k));
    }

    internal override void SwiGlu(Rows gu, float alpha, float limit, Rows output)
    {
        Shapes.RequireBlocks(gu.Width == 2 * output.Width && gu.Count == output.Count, gu, output);
        fixed (float* from = &gu.First, to = &output.First)
        {
            SwiGluJob<TBlock, TProfile> job = new(from, gu.Stride, alpha, limit, to, output.Stride, gu.Count, output.Width);
            pool.RunRows(ref job, gu.Count);
        }
    }

    internal override void MixExperts(Rows y, ReadOnlySpan<float> weights, int k, Rows x)
    {
        Shapes.RequireBlocks(y.Width == x.Width && y.Count == x.Count * k && weights.Length >= y.Count, y, x);
        fixed (float* from = &y.First, w = weights, to = &x.First)
        {
            ExpertMixJob<TBlock, TProfile> job = new(from, y.Stride, w, k, to, x.Stride, x.Count, x.Width);
            pool.RunRows(ref job, x.Count);
        }
    }

    internal override void Add(Rows x, Rows delta)
    {
        Shapes.RequireBlocks(x.Width == delta.Width && x.Count == delta.Count, x, delta);
        fixed (float* to = &x.First, from = &delta.First)
        {
            ResidualJob<TBlock, TProfile> job = new(to, x.Stride, from, delta.Stride, x.Count, x.Width);
            pool.RunRows(ref job, x.Count);
        }
    }

    internal override void Exp(ReadOnlySpan<float> input, Span<float> output) => BlockExp.Apply<TBlock>(input, output);
}
