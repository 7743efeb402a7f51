using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Weights in a block format, read in place: [matrices, rows, columns / block, bytes of a block].</summary>
internal sealed unsafe class BlockMatrix<TFormat> : Weights where TFormat : struct, IBlockFormat
{
    private readonly ReadOnlyMemory<byte> _blocks;

    /// <summary>Views the bytes of all blocks.</summary>
    /// <exception cref="ArgumentException">Their length is not that of the shape, or columns are not whole blocks.</exception>
    internal BlockMatrix(ReadOnlyMemory<byte> blocks, int rows, int columns, int count) : base(count, rows, columns)
    {
        if (columns % TFormat.Weights != 0 || blocks.Length != (long)count * rows * (columns / TFormat.Weights) * TFormat.Bytes)
            throw new ArgumentException($"{blocks.Length} bytes are not [{count}, {rows}, {columns}] weights of {TFormat.Name}.", nameof(blocks));
        _blocks = blocks;
    }

    internal override string Format => TFormat.Name;

    internal override long Bytes => _blocks.Length;

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (byte* blocks = _blocks.Span)
            job.Run(new BlockRows<TFormat>(blocks, Columns));
    }

    internal override void Decode(int row, Span<float> target)
    {
        float* values = stackalloc float[IBlockFormat.LargestBlock];
        int perRow = Columns / TFormat.Weights;
        fixed (byte* blocks = _blocks.Span)
        {
            for (int i = 0; i < perRow; i++)
            {
                TFormat.Decode(blocks + ((nint)row * perRow + i) * TFormat.Bytes, values);
                new ReadOnlySpan<float>(values, TFormat.Weights).CopyTo(target[(i * TFormat.Weights)..]);
            }
        }
    }

    internal override NotANumber? FindNotANumber(int matrix)
    {
        int each = _blocks.Length / Count;
        ReadOnlySpan<byte> blocks = _blocks.Span.Slice(matrix * each, each);
        for (int at = 0; at < each; at += TFormat.Bytes)
        {
            foreach (int scale in TFormat.Scales)
            {
                float value = Float16.Read(blocks[(at + scale)..]);
                if (!float.IsFinite(value))
                    return new((long)matrix * each + at + scale, $"the scale {value}", $"scales of {TFormat.Name} are finite numbers");
            }
        }
        return null;
    }
}

/// <summary>Rows in a block format. A block becomes float32 values in memory, which then meet the lanes as a row of float32 does: lane j takes
/// elements j, j + 16, j + 32, …</summary>
internal readonly unsafe struct BlockRows<TFormat>(byte* blocks, int columns) : IWeightRows where TFormat : struct, IBlockFormat
{
    public int PaddedColumns => columns;

    private nint RowBytes => columns / TFormat.Weights * TFormat.Bytes;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>
    {
        float* values = stackalloc float[IBlockFormat.LargestBlock];
        for (int r = 0; r < rows; r++)
        {
            byte* first = blocks + (row + r) * RowBytes;
            for (int k = begin; k < end;)
            {
                int block = k / TFormat.Weights, skip = k - block * TFormat.Weights, count = Math.Min(end - k, TFormat.Weights - skip);
                byte* source = first + (nint)block * TFormat.Bytes;
                float* here = target + r * stride + (k - begin);
                if (count == TFormat.Weights)
                {
                    TFormat.Decode(source, here);
                }
                else
                {
                    TFormat.Decode(source, values);        // a panel may end inside a block
                    new ReadOnlySpan<float>(values + skip, count).CopyTo(new Span<float>(here, count));
                }
                k += count;
            }
        }
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        const int size = IBlockFormat.LargestBlock;
        float* values = stackalloc float[4 * size];
        byte* first = blocks + row * RowBytes, block = first;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (int k = 0; k < columns; k += TFormat.Weights, block += TFormat.Bytes)
        {
            if (Sse.IsSupported)
            {
                byte* ahead = first + Prefetch.Bytes + (block - first) * 4;
                for (int line = 0; line < 4 * TFormat.Bytes; line += 64)
                    Sse.Prefetch1(ahead + line);
            }
            TFormat.Decode(block, values);
            TFormat.Decode(block + RowBytes, values + size);
            TFormat.Decode(block + 2 * RowBytes, values + 2 * size);
            TFormat.Decode(block + 3 * RowBytes, values + 3 * size);
            for (int i = 0; i < TFormat.Weights; i += 16)
            {
                TBlock a = TBlock.Load(x + k + i);
                s0 = TBlock.FusedMultiplyAdd(TBlock.Load(values + i), a, s0);
                s1 = TBlock.FusedMultiplyAdd(TBlock.Load(values + size + i), a, s1);
                s2 = TBlock.FusedMultiplyAdd(TBlock.Load(values + 2 * size + i), a, s2);
                s3 = TBlock.FusedMultiplyAdd(TBlock.Load(values + 3 * size + i), a, s3);
            }
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        float* values = stackalloc float[IBlockFormat.LargestBlock];
        byte* block = blocks + row * RowBytes;
        TBlock sum = TBlock.Zero;
        for (int k = 0; k < columns; k += TFormat.Weights, block += TFormat.Bytes)
        {
            TFormat.Decode(block, values);
            for (int i = 0; i < TFormat.Weights; i += 16)
                sum = TBlock.FusedMultiplyAdd(TBlock.Load(values + i), TBlock.Load(x + k + i), sum);
        }
        return TBlock.Reduce(sum);
    }
}
