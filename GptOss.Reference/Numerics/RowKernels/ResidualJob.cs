using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>x ← B(x + delta), one addition: how a block joins the residual stream.</summary>
internal readonly unsafe struct ResidualJob<TBlock, TProfile>(float* x, int xStride, float* delta, int deltaStride, int rows, int width) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TProfile : struct, IProfile
{
    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
        for (int row = begin; row < end; row++)
        {
            float* target = x + (nint)row * xStride, source = delta + (nint)row * deltaStride;
            for (int i = 0; i < width; i += 16)
                TBlock.Store(TProfile.Round(TBlock.Load(target + i) + TBlock.Load(source + i)), target + i);
        }
    }
}
