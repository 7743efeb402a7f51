using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>x ← B(x + B(Σ fma(w_i, y_i))) in rank order: a token's experts, each with its bias, weighted and added to the residual stream.</summary>
/// <remarks>Source: <c>gpt_oss/torch/model.py</c>, <c>MLPBlock</c>, the last contraction: float32 sums, one rounding.</remarks>
internal readonly unsafe struct ExpertMixJob<TBlock, TProfile>(float* y, int yStride, float* weights, int perToken, float* x, int xStride, int rows,
    int width) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TProfile : struct, IProfile
{
    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
        for (int row = begin; row < end; row++)
        {
            float* target = x + (nint)row * xStride;
            for (int i = 0; i < width; i += 16)
            {
                TBlock sum = TBlock.Zero;
                for (int rank = 0; rank < perToken; rank++)
                {
                    nint slot = (nint)row * perToken + rank;
                    sum = TBlock.FusedMultiplyAdd(TBlock.Broadcast(weights[slot]), TBlock.Load(y + slot * yStride + i), sum);
                }
                TBlock.Store(TProfile.Round(TBlock.Load(target + i) + TProfile.Round(sum)), target + i);
            }
        }
    }
}
