using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>y = B((x · r) · gain), r = 1 / √(Σx² / n + eps): the gain multiplies before the one rounding, not after it as in Llama.</summary>
/// <remarks>Source: <c>gpt_oss/torch/model.py</c>, <c>RMSNorm</c>.</remarks>
internal readonly unsafe struct RmsNormJob<TBlock, TProfile>(float* x, int xStride, float* gain, float eps, float* y, int yStride, int rows,
    int width) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TProfile : struct, IProfile
{
    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
        for (int row = begin; row < end; row++)
            Normalize(x + (nint)row * xStride, y + (nint)row * yStride);
    }

    private void Normalize(float* x, float* y)
    {
        TBlock sum = TBlock.Zero;
        for (int i = 0; i < width; i += 16)
        {
            TBlock v = TBlock.Load(x + i);
            sum = TBlock.FusedMultiplyAdd(v, v, sum);
        }
        TBlock r = TBlock.Broadcast(1 / MathF.Sqrt(TBlock.Reduce(sum) / width + eps));
        for (int i = 0; i < width; i += 16)
            TBlock.Store(TProfile.Round((TBlock.Load(x + i) * r) * TBlock.Load(gain + i)), y + i);
    }
}
