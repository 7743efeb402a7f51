using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>bfloat16 rows: lane j takes elements j, j + 16, j + 32, …; a short tail is padded with zeros.</summary>
internal readonly unsafe struct Bf16Rows(ushort* data, int columns) : IWeightRows
{
    public int PaddedColumns => (columns + 15) & ~15;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride)
        where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
            Widen<TBlock>(row + r, begin, end, rowsAhead, target + r * stride);
    }

    private void Widen<TBlock>(nint row, int begin, int end, int rowsAhead, float* target) where TBlock : struct, IF32x16<TBlock>
    {
        ushort* w = data + row * columns;
        int whole = Math.Min(end, columns & ~15);
        int k = begin;
        nint ahead = (nint)rowsAhead * columns;
        for (; k < whole; k += 16)
        {
            if (Sse.IsSupported && (k & 16) == 0)
                Sse.Prefetch1(w + k + ahead);
            TBlock.Store(TBlock.Load(w + k), target + (k - begin));
        }
        if (k < end)
            TBlock.Store(Tail<TBlock>(w + k, columns - k), target + (k - begin));
    }

    public bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector>
    {
        // Narrow registers widen the weights anew for each tile, so a panel is faster where there are more.
        if ((columns & 15) != 0 || tokens > TVector.Lanes switch { 16 => int.MaxValue, 8 => 6, _ => Bf16TileRows.MostTokens<TVector>() })
            return false;
        Bf16TileRows four = new(data + row * columns, columns);
        RegisterTile.Multiply<TVector, Bf16TileRows>(four, x, tokens, columns, sums, 16 * RegisterTile.Rows, first: true);
        return true;
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        if ((columns & 15) != 0)
        {
            // Separate: sums that are live across a call, here the one for the tail, would be spilled to the stack in every iteration.
            for (int r = 0; r < 4; r++)
                dots[r] = Dot<TBlock>(row + r, x);
            return;
        }
        ushort* w0 = data + row * columns, w1 = w0 + columns, w2 = w1 + columns, w3 = w2 + columns;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (nint k = 0; k < columns; k += 16)
        {
            if (Sse.IsSupported)
            {
                byte* ahead = (byte*)w0 + Prefetch.Bytes + k * 8;      // four rows of two bytes
                Sse.Prefetch1(ahead);
                Sse.Prefetch1(ahead + 64);
            }
            TBlock a = TBlock.Load(x + k);
            s0 = TBlock.FusedMultiplyAdd(TBlock.Load(w0 + k), a, s0);
            s1 = TBlock.FusedMultiplyAdd(TBlock.Load(w1 + k), a, s1);
            s2 = TBlock.FusedMultiplyAdd(TBlock.Load(w2 + k), a, s2);
            s3 = TBlock.FusedMultiplyAdd(TBlock.Load(w3 + k), a, s3);
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        ushort* w = data + row * columns;
        TBlock sum = TBlock.Zero;
        nint whole = columns & ~15, k = 0;
        for (; k < whole; k += 16)
            sum = TBlock.FusedMultiplyAdd(TBlock.Load(w + k), TBlock.Load(x + k), sum);
        if (k < columns)
            sum = TBlock.FusedMultiplyAdd(Tail<TBlock>(w + k, columns - (int)k), TBlock.Load(x + k), sum);
        return TBlock.Reduce(sum);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TBlock Tail<TBlock>(ushort* w, int count) where TBlock : struct, IF32x16<TBlock>
    {
        ushort* padded = stackalloc ushort[16];
        new Span<ushort>(padded, 16).Clear();
        new ReadOnlySpan<ushort>(w, count).CopyTo(new Span<ushort>(padded, 16));
        return TBlock.Load(padded);
    }
}
