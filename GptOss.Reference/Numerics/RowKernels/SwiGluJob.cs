using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>h = (g′ · σ(α·g′)) · (u′ + 1), where g′ = min(g, limit) has no lower clamp and u′ = clamp(u, ±limit); σ(z) = 1 / (1 + e^−z).</summary>
/// <remarks>
/// Rows are [g | u], the two halves that the checkpoint interleaves. The bfloat16 profile rounds α·g′, σ, their product, u′ + 1 and h, as
/// the reference does; α is float32(1.702) in both. Source: <c>gpt_oss/torch/model.py</c>, <c>swiglu</c>.
/// </remarks>
internal readonly unsafe struct SwiGluJob<TBlock, TProfile>(float* gu, int guStride, float alpha, float limit, float* h, int hStride, int rows,
    int width) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TProfile : struct, IProfile
{
    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
        TBlock most = TBlock.Broadcast(limit), least = TBlock.Broadcast(-limit), one = TBlock.Broadcast(1), a = TBlock.Broadcast(alpha);
        for (int row = begin; row < end; row++)
        {
            float* gate = gu + (nint)row * guStride, linear = gate + width, output = h + (nint)row * hStride;
            for (int i = 0; i < width; i += 16)
            {
                TBlock g = TBlock.Min(TBlock.Load(gate + i), most);
                TBlock u = TBlock.Min(TBlock.Max(TBlock.Load(linear + i), least), most);
                TBlock z = TProfile.Round(a * g);
                TBlock sigmoid = TProfile.Round(one / (one + BlockExp.Exp(TBlock.Broadcast(-0f) - z)));
                TBlock.Store(TProfile.Round(TProfile.Round(g * sigmoid) * TProfile.Round(u + one)), output + i);
            }
        }
    }
}
