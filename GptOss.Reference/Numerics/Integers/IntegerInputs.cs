using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>Activation rows, and the memory for their codes.</summary>
internal readonly unsafe struct IntegerInputs(float* x, nint stride, int rows, int columns, IntegerStep* codes)
{
    /// <summary>The rows' codes.</summary>
    internal RowPointers Pointers => new(codes, (nint)IntegerStep.CountOf(columns) * sizeof(IntegerStep));

    /// <summary>Rounds all rows.</summary>
    internal void Round(WorkerPool pool, IntegerOrder order)
    {
        IntegerInputJob job = new(x, stride, rows, columns, order, codes);
        pool.RunRows(ref job, rows);
    }
}
