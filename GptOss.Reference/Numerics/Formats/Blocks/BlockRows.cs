using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Rows in a block format. A block becomes float32 values in memory, which then meet the lanes as a row of float32 does: lane j takes
/// elements j, j + 16, j + 32, …</summary>
internal readonly unsafe struct BlockRows<TFormat>(byte* blocks, int columns) : IWeightRows where TFormat : struct, IBlockFormat
{
    public int PaddedColumns => columns;

    private nint RowBytes => columns / TFormat.Weights * TFormat.Bytes;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride)
        where TBlock : struct, IF32x16<TBlock>
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

    public bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector>
    {
        // For more activation rows than one tile takes, a panel widens each weight only once.
        if (typeof(TFormat) != typeof(Q8_0) || TVector.Lanes < 8 || tokens > Q8TileRows.MostTokens<TVector>())
            return false;
        Q8TileRows four = new(blocks + row * RowBytes, RowBytes, Float16.Values);
        RegisterTile.Multiply<TVector, Q8TileRows>(four, x, tokens, columns, sums, 16 * RegisterTile.Rows, first: true);
        return true;
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        // Where a tile can read the rows, it need not go through memory.
        float* sums = stackalloc float[4 * 16];
        if (typeof(TBlock) == typeof(F32x16V512) && TryMultiply4<Vector16>(row, &x, 1, sums)
            || typeof(TBlock) == typeof(F32x16V256) && TryMultiply4<Vector8>(row, &x, 1, sums))
        {
            TBlock.Reduce4(TBlock.Load(sums), TBlock.Load(sums + 16), TBlock.Load(sums + 32), TBlock.Load(sums + 48), dots);
            return;
        }
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
