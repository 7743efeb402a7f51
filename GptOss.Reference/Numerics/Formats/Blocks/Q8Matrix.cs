using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>
/// A matrix of Q8_0 laid out for products with 8-bit activations: a weight is a signed byte times the float16 scale of its block of 32.
/// </summary>
/// <remarks>
/// [rows][steps of 512 columns]; a step is 512 weights with 128 added, first their low nibbles and then their high ones, both as <see cref="Q8Rows"/>
/// reads them, and 16 scales by lane; what is missing of the last step has the scale 0. Made once from bfloat16 weights, which it rounds, or from
/// blocks of Q8_0, which keep their values.
/// </remarks>
internal sealed unsafe class Q8Matrix : Weights
{
    private readonly Memory<byte> _steps;

    private Q8Matrix(int count, int rows, int columns, Memory<byte> steps) : base(count, rows, columns) => _steps = steps;

    internal override string Format => "Q8_0";

    internal override long Bytes => _steps.Length;

    internal override bool HasIntegers => true;

    /// <summary>
    /// Rounds a matrix: for each block of 32 weights with the largest magnitude m, d = m / 127 as a float16 and q = w / d, rounded to the nearest
    /// integer, ties to even.
    /// </summary>
    /// <returns>Null where columns are not whole blocks, there are more than 2 GiB, or a weight is too large for a float16 scale.</returns>
    internal static Q8Matrix? Round(Bf16Matrix matrix, WorkerPool pool)
    {
        fixed (ushort* weights = matrix.Data.Span)
            return Make(matrix, new Bf16Blocks(weights), pool);
    }

    /// <summary>The same weights in another order.</summary>
    /// <returns>Null where there are more than 2 GiB, or a scale is not a finite number.</returns>
    internal static Q8Matrix? Of(BlockMatrix<Q8_0> matrix, WorkerPool pool)
    {
        fixed (byte* blocks = matrix.Blocks.Span)
            return Make(matrix, new StoredBlocks(blocks), pool);
    }

    internal override void Open<TJob>(ref TJob job) => throw new NotSupportedException($"{Format} in steps meets activations in 8 bits only.");

    internal override void OpenIntegers<TJob>(ref TJob job)
    {
        fixed (byte* steps = _steps.Span)
            job.Run(new Q8Rows(steps, Columns));
        GC.KeepAlive(this);
    }

    internal override void Decode(int row, Span<float> target)
    {
        fixed (byte* steps = _steps.Span)
        {
            for (int column = 0; column < Columns; column++)
            {
                byte* step = steps + ((nint)row * IntegerStep.CountOf(Columns) + column / IntegerStep.Columns) * Q8Rows.StepBytes;
                int lane = IntegerStep.LaneOf(column % IntegerStep.Columns / IntegerStep.BlockColumns);
                byte* low = step + At(lane, column % IntegerStep.BlockColumns, out int shift);
                int weight = (low[Q8Rows.PlaneBytes] >> shift & 15) << 4 | (low[0] >> shift & 15);
                target[column] = (weight - Q8Rows.Offset) * (float)((Half*)(step + IntegerStep.Columns))[lane];
            }
        }
        GC.KeepAlive(this);
    }

    internal override NotANumber? FindNotANumber(int matrix) => null;      // checked when it was made

    /// <summary>Where a plane has element <paramref name="i"/> of the block of a lane, see <see cref="IntegerOrder"/>.</summary>
    private static int At(int lane, int i, out int shift)
    {
        shift = i / 16 * 4;
        return IntegerStep.GroupBytes * (i % 16 / 4) + 4 * lane + i % 4;
    }

    private static Q8Matrix? Make<TBlocks>(Weights matrix, TBlocks from, WorkerPool pool) where TBlocks : unmanaged, IBlocks
    {
        if (matrix.Columns % Q8_0.Weights != 0)
            return null;
        int rows = matrix.Count * matrix.Rows;
        long bytes = (long)rows * IntegerStep.CountOf(matrix.Columns) * Q8Rows.StepBytes;
        if (bytes > Array.MaxLength)
            return null;
        Memory<byte> steps = PrivateMemory.Allocate((int)bytes);
        Q8Matrix made = new(matrix.Count, matrix.Rows, matrix.Columns, steps);
        bool[] beyond = new bool[pool.Count];
        fixed (byte* to = steps.Span)
        fixed (bool* flags = beyond)
        {
            MakeJob<TBlocks> job = new(from, rows, matrix.Columns / Q8_0.Weights, to, flags);
            pool.Run(ref job);
        }
        GC.KeepAlive(made);
        return Array.IndexOf(beyond, true) >= 0 ? null : made;
    }

    /// <summary>Blocks of 32 weights from wherever they come.</summary>
    private interface IBlocks
    {
        /// <summary>Block <paramref name="index"/> of the matrix: 32 signed bytes, and its scale.</summary>
        Half Read(nint index, sbyte* values);
    }

    private readonly struct StoredBlocks(byte* blocks) : IBlocks
    {
        public Half Read(nint index, sbyte* values)
        {
            byte* block = blocks + index * Q8_0.Bytes;
            new ReadOnlySpan<sbyte>(block + 2, Q8_0.Weights).CopyTo(new(values, Q8_0.Weights));
            return (Half)Float16.Read(block);
        }
    }

    private readonly struct Bf16Blocks(ushort* weights) : IBlocks
    {
        public Half Read(nint index, sbyte* values) =>
            Q8_0.Round(new(weights + index * Q8_0.Weights, Q8_0.Weights), new(values, Q8_0.Weights));
    }

    private readonly struct MakeJob<TBlocks>(TBlocks from, int rows, int perRow, byte* to, bool* beyond) : IJob where TBlocks : unmanaged, IBlocks
    {
        public void Execute(int part, int parts)
        {
            (int begin, int end) = WorkerPool.Share(rows, 1, part, parts);
            int steps = IntegerStep.CountOf(perRow * Q8_0.Weights);
            new Span<byte>(to + (nint)begin * steps * Q8Rows.StepBytes, (end - begin) * steps * Q8Rows.StepBytes).Clear();
            sbyte* values = stackalloc sbyte[IntegerStep.BlockColumns];
            for (nint row = begin; row < end; row++)
            {
                for (int block = 0; block < perRow; block++)
                {
                    byte* step = to + (row * steps + block / IntegerStep.Blocks) * Q8Rows.StepBytes;
                    Half scale = from.Read(row * perRow + block, values);
                    beyond[part] |= !Half.IsFinite(scale);
                    int lane = IntegerStep.LaneOf(block % IntegerStep.Blocks);
                    ((Half*)(step + IntegerStep.Columns))[lane] = scale;
                    for (int i = 0; i < Q8_0.Weights; i++)
                    {
                        byte* low = step + At(lane, i, out int shift);
                        int weight = values[i] + Q8Rows.Offset;
                        low[0] |= (byte)((weight & 15) << shift);
                        low[Q8Rows.PlaneBytes] |= (byte)(weight >> 4 << shift);
                    }
                }
            }
        }
    }
}
