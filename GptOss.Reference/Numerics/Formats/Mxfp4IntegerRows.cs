using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// Rows of MXFP4 in any container. Twice an E2M1 value is an integer, 0 … 12 or its negative; with 12 added it is a byte that meets the signed
/// activations in one instruction.
/// </summary>
/// <remarks>Which elements share a byte only decides which activations they meet, so all containers have the same sums.</remarks>
internal readonly unsafe struct Mxfp4IntegerRows<TLayout>(byte* codes, byte* scales, nint rows, int columns) : IIntegerRows
    where TLayout : struct, IMxfp4Layout
{
    private readonly nint _perRow = columns / Mxfp4.BlockWeights;

    public static IntegerOrder Order => new(TLayout.ArePairs, Offset: 12, Factor: 0.5f);

    public static int Planes => 1;

    public static int FewTokens => 2;

    public int Columns => columns;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBytes Table<TBytes>() where TBytes : struct, IByteVector<TBytes> =>
        TBytes.Repeat(Vector128.Create((byte)12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));

    // Every row behind has a block at least.
    public bool MayReadBehind(nint row) => row + IntegerStep.Blocks < rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TBytes Sums<TBytes>(TBytes table, nint row, int step, int quarter, sbyte* x) where TBytes : struct, IByteVector<TBytes>
    {
        Turn(Place(row, step) + quarter * TLayout.CodesApart, TLayout.CodesApart, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3);
        x += 16 * quarter;
        return TBytes.Add(Meet(table, k0, k1, x), Meet(table, k2, k3, x + 4 * IntegerStep.GroupBytes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scales<TBytes>(nint row, int step, int count, float* target) where TBytes : struct, IByteVector<TBytes>
    {
        Vector128<byte> all = Mxfp4Scales.Load(scales + Block(row, step) * TLayout.ScalesApart, TLayout.ScalesApart);
        Mxfp4Scales.Store<TBytes>(count == IntegerStep.Blocks ? all : Mxfp4Scales.First(all, count), target);
    }

    public void Unpack<TBytes>(nint row, int step, byte* target, float* lanes) where TBytes : struct, IByteVector<TBytes>
    {
        nint count = _perRow - step * IntegerStep.Blocks;
        if (count >= IntegerStep.Blocks)
        {
            Scales<TBytes>(row, step, IntegerStep.Blocks, lanes);
            Unpack<TBytes>(Place(row, step), TLayout.CodesApart, target);
            return;
        }
        byte* whole = stackalloc byte[IntegerStep.Blocks * Mxfp4.BlockBytes];
        for (int block = 0; block < IntegerStep.Blocks; block++)
        {
            (block < count ? Vector128.Load(Place(row, step) + block * TLayout.CodesApart) : Vector128<byte>.Zero)
                .Store(whole + block * Mxfp4.BlockBytes);
        }
        Mxfp4Scales.Store<TBytes>(Mxfp4Scales.Load(scales + Block(row, step) * TLayout.ScalesApart, TLayout.ScalesApart, count), lanes);
        Unpack<TBytes>(whole, Mxfp4.BlockBytes, target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint row, int step)
    {
        if (!Sse.IsSupported)
            return;
        nint block = row * _perRow + 4 * step * IntegerStep.Blocks;
        byte* ahead = codes + block * TLayout.CodesApart + Formats.Prefetch.Bytes;
        for (int line = 0; line < 4 * IntegerStep.Blocks * TLayout.CodesApart; line += 64)
            Sse.Prefetch1(ahead + line);
        if (TLayout.ScalesApart == 1)
            Sse.Prefetch1(scales + block + Formats.Prefetch.Bytes / Mxfp4.BlockBytes);
    }

    private nint Block(nint row, int step) => row * _perRow + step * IntegerStep.Blocks;

    private byte* Place(nint row, int step) => codes + Block(row, step) * TLayout.CodesApart;

    /// <summary>Four bytes of every block in a register, block by block in the order of the lanes: a square of registers, turned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn<TBytes>(byte* first, nint apart, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3)
        where TBytes : struct, IByteVector<TBytes>
    {
        TBytes a = TBytes.Load(first, apart), b = TBytes.Load(first + 4 * apart, apart), c = TBytes.Load(first + 8 * apart, apart),
            d = TBytes.Load(first + 12 * apart, apart);
        TBytes lowAb = TBytes.LowLanes(a, b), lowCd = TBytes.LowLanes(c, d), highAb = TBytes.HighLanes(a, b), highCd = TBytes.HighLanes(c, d);
        (k0, k1, k2, k3) = (TBytes.LowPairs(lowAb, lowCd), TBytes.HighPairs(lowAb, lowCd), TBytes.LowPairs(highAb, highCd),
            TBytes.HighPairs(highAb, highCd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TBytes Meet<TBytes>(TBytes table, TBytes a, TBytes b, sbyte* x) where TBytes : struct, IByteVector<TBytes>
    {
        TBytes sums = TBytes.Multiply(TBytes.LookUp(table, TBytes.LowNibbles(a)), TBytes.Load(x));
        sums = TBytes.MultiplyAdd(TBytes.LookUp(table, TBytes.HighNibbles(a)), TBytes.Load(x + IntegerStep.GroupBytes), sums);
        sums = TBytes.MultiplyAdd(TBytes.LookUp(table, TBytes.LowNibbles(b)), TBytes.Load(x + 2 * IntegerStep.GroupBytes), sums);
        return TBytes.Lanes(TBytes.MultiplyAdd(TBytes.LookUp(table, TBytes.HighNibbles(b)), TBytes.Load(x + 3 * IntegerStep.GroupBytes), sums));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Unpack<TBytes>(byte* blocks, nint apart, byte* target) where TBytes : struct, IByteVector<TBytes>
    {
        TBytes table = Table<TBytes>();
        for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters, target += 16 * TBytes.Quarters)
        {
            Turn(blocks + quarter * apart, apart, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3);
            Store(table, k0, target);
            Store(table, k1, target + 2 * IntegerStep.GroupBytes);
            Store(table, k2, target + 4 * IntegerStep.GroupBytes);
            Store(table, k3, target + 6 * IntegerStep.GroupBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TBytes>(TBytes table, TBytes pairs, byte* target) where TBytes : struct, IByteVector<TBytes>
    {
        TBytes.Store(TBytes.LookUp(table, TBytes.LowNibbles(pairs)), target);
        TBytes.Store(TBytes.LookUp(table, TBytes.HighNibbles(pairs)), target + IntegerStep.GroupBytes);
    }
}
