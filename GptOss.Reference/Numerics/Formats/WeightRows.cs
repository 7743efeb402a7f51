using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Stored weight rows as the products read them. Lengths have been checked by whoever made one.</summary>
/// <remarks>
/// A row's columns are padded to whole blocks of sixteen lanes, and the activations lie in the row's <b>lane order</b>: lane j of step i of
/// the dot product is element 16·i + j of the activation row. For bfloat16 that is the natural order; for MXFP4 it is the one that
/// <see cref="LaneOrderJob"/> makes.
/// </remarks>
internal unsafe interface IWeightRows
{
    /// <summary>Columns, padded to a multiple of 16.</summary>
    int PaddedColumns { get; }

    /// <summary>
    /// Writes columns <paramref name="begin"/> … <paramref name="end"/> − 1 (multiples of 32, or the padded end) of <paramref name="rows"/> ≤ 4 rows as
    /// float32, in lane order, one row every <paramref name="stride"/> elements. Where there are fewer than four, the others receive anything.
    /// </summary>
    /// <remarks>Asks for the same columns <paramref name="rowsAhead"/> rows further on, where the next panel is.</remarks>
    void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>;

    /// <summary>The dot products of four consecutive rows with one activation row.</summary>
    void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>;

    /// <summary>The dot product of one row with one activation row.</summary>
    float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>;
}

/// <summary>How far ahead of the loads the next cache lines are asked for.</summary>
/// <remarks>
/// Four rows that are read side by side lie one after the other, so what comes next is asked for in the order of the file, a few rows
/// ahead, into the L2 cache. Hints for each row by itself, or into L1, left the bfloat16 kernel at 13.7 instead of 22.0 GB/s (EPYC, 1 thread,
/// reading alone 24).
/// </remarks>
internal static class Prefetch
{
    internal const int Bytes = 32 << 10;
}

/// <summary>bfloat16 rows: lane j takes elements j, j + 16, j + 32, …; a short tail is padded with zeros.</summary>
internal readonly unsafe struct Bf16Rows(ushort* data, int columns) : IWeightRows
{
    public int PaddedColumns => (columns + 15) & ~15;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>
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

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        if ((columns & 15) != 0)
        {
            // Apart: sums that are live across a call, here that for the tail, would be written to the stack in every turn of the loop.
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

/// <summary>MXFP4 rows: for each block of 32, lane j takes element 2j, then element 2j + 1, the order in which the published bytes hold them.</summary>
/// <remarks>
/// The tables come with the rows and not from a static field: a loop that is compiled before that field's class has been initialised asks for
/// it in every turn, and ran at 2.7 instead of 13.8 GB/s.
/// </remarks>
internal readonly unsafe struct Mxfp4Rows(byte* blocks, byte* scales, float* tables, int columns) : IWeightRows
{
    public int PaddedColumns => columns;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
            Widen<TBlock>(row + r, begin, end, rowsAhead, target + r * stride);
    }

    private void Widen<TBlock>(nint row, int begin, int end, int rowsAhead, float* target) where TBlock : struct, IF32x16<TBlock>
    {
        nint perRow = columns / 32;
        byte* block = blocks + (row * perRow + begin / 32) * 16;
        byte* scale = scales + row * perRow + begin / 32;
        nint ahead = rowsAhead * perRow * 16;
        for (int k = begin; k < end; k += 32, block += 16, scale++, target += 32)
        {
            if (Sse.IsSupported && (k & 96) == 0)
                Sse.Prefetch1(block + ahead);
            TBlock.DecodeMxfp4(block, tables + *scale * 16, out TBlock even, out TBlock odd);
            TBlock.Store(even, target);
            TBlock.Store(odd, target + 16);
        }
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        nint perRow = columns / 32;
        nint bytes = perRow * 16, bytes3 = bytes * 3, scales3 = perRow * 3;
        byte* first = blocks + row * bytes, b = first, firstScale = scales + row * perRow, e = firstScale, end = b + bytes;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (; b < end; b += 16, e++, x += 32)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(first + Prefetch.Bytes + (b - first) * 4);
                if (((nint)e & 15) == 0)
                    Sse.Prefetch1(firstScale + Prefetch.Bytes / 16 + (e - firstScale) * 4);
            }
            TBlock even = TBlock.Load(x), odd = TBlock.Load(x + 16);
            TBlock.DecodeMxfp4(b, tables + e[0] * 16, out TBlock lo, out TBlock hi);
            s0 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s0));
            TBlock.DecodeMxfp4(b + bytes, tables + e[perRow] * 16, out lo, out hi);
            s1 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s1));
            TBlock.DecodeMxfp4(b + 2 * bytes, tables + e[2 * perRow] * 16, out lo, out hi);
            s2 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s2));
            TBlock.DecodeMxfp4(b + bytes3, tables + e[scales3] * 16, out lo, out hi);
            s3 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s3));
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        nint perRow = columns / 32;
        byte* block = blocks + row * perRow * 16;
        byte* scale = scales + row * perRow;
        TBlock sum = TBlock.Zero;
        for (nint i = 0; i < perRow; i++)
        {
            TBlock.DecodeMxfp4(block + i * 16, tables + scale[i] * 16, out TBlock lo, out TBlock hi);
            sum = TBlock.FusedMultiplyAdd(lo, TBlock.Load(x + i * 32), sum);
            sum = TBlock.FusedMultiplyAdd(hi, TBlock.Load(x + i * 32 + 16), sum);
        }
        return TBlock.Reduce(sum);
    }
}
