using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// Reorders activation rows for weights that are stored by pairs (MXFP4): of every 32 elements the sixteen even ones, then the sixteen odd ones.
/// </summary>
/// <remarks>The activations then meet the low nibbles of a block's sixteen bytes, then the high ones, in the order of the file.</remarks>
internal readonly unsafe struct LaneOrderJob(float* x, int xStride, float* y, int yStride, int rows, int width) : IJob
{
    public void Execute(int part, int parts)
    {
        (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
        for (int row = begin; row < end; row++)
        {
            float* source = x + (nint)row * xStride, lanes = y + (nint)row * yStride;
            for (int block = 0; block < width; block += 32)
            {
                for (int j = 0; j < 16; j++)
                {
                    lanes[block + j] = source[block + 2 * j];
                    lanes[block + 16 + j] = source[block + 2 * j + 1];
                }
            }
        }
    }
}
