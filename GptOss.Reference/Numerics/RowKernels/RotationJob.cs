using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>
/// Turns heads in place: (a, b) ← (a·C − b·S, b·C + a·S) with a and b the halves of each head, every product and sum rounded by itself.
/// </summary>
/// <remarks>The bfloat16 profile also rounds C and S. Source: <c>gpt_oss/torch/model.py</c>, <c>_apply_rotary_emb</c>.</remarks>
internal readonly unsafe struct RotationJob<TProfile>(
    float* heads, int stride, int width, float* cosines, int cosineStride, float* sines, int sineStride, int half, int rows) : IJob
    where TProfile : struct, IProfile
{
    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
        for (int row = begin; row < end; row++)
        {
            float* c = cosines + (nint)row * cosineStride, s = sines + (nint)row * sineStride;
            for (int head = 0; head < width; head += 2 * half)
                Turn(heads + (nint)row * stride + head, c, s);
        }
    }

    private void Turn(float* head, float* cosines, float* sines)
    {
        for (int i = 0; i < half; i++)
        {
            float c = TProfile.Round(cosines[i]), s = TProfile.Round(sines[i]), a = head[i], b = head[half + i];
            float ac = TProfile.Round(a * c), bs = TProfile.Round(b * s), bc = TProfile.Round(b * c), @as = TProfile.Round(a * s);
            head[i] = TProfile.Round(ac - bs);
            head[half + i] = TProfile.Round(bc + @as);
        }
    }
}
