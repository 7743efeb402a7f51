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
internal readonly unsafe struct Mxfp4IntegerRows<TLayout>(byte* codes, byte* scales, nint rows, int columns) : IIntegerRows<Mxfp4IntegerRows<TLayout>>
    where TLayout : struct, IMxfp4Layout
{
    private readonly nint _perRow = columns / Mxfp4.BlockWeights;

    public static IntegerOrder Order => new(TLayout.ArePairs, Offset: 12, Factor: 0.5f);

    public static int Planes => 1;

    public static int FewTokens => 3;

    public int Columns => columns;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBytes Table<TBytes>() where TBytes : struct, IByteVector<TBytes> =>
        TBytes.Repeat(Vector128.Create((byte)12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));

    // Every row behind has a block at least.
    public bool MayReadBehind(nint row) => row + IntegerStep.Blocks < rows;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBytes Bytes<TBytes>(TBytes table, TBytes nibbles) where TBytes : struct, IByteVector<TBytes> => TBytes.LookUp(table, nibbles);

    // Four bytes of every block in a register, block by block in the order of the lanes: a square of registers, turned.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Load<TBytes>(nint row, int step, int plane, int quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3)
        where TBytes : struct, IByteVector<TBytes>
    {
        nint apart = TLayout.CodesApart;
        byte* first = Place(row, step) + quarter * apart;
        TBytes a = TBytes.Load(first, apart), b = TBytes.Load(first + 4 * apart, apart), c = TBytes.Load(first + 8 * apart, apart),
            d = TBytes.Load(first + 12 * apart, apart);
        TBytes lowAb = TBytes.LowLanes(a, b), lowCd = TBytes.LowLanes(c, d), highAb = TBytes.HighLanes(a, b), highCd = TBytes.HighLanes(c, d);
        (k0, k1, k2, k3) = (TBytes.LowPairs(lowAb, lowCd), TBytes.HighPairs(lowAb, lowCd), TBytes.LowPairs(highAb, highCd),
            TBytes.HighPairs(highAb, highCd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scales<TBytes>(nint row, int step, int count, float* target) where TBytes : struct, IByteVector<TBytes>
    {
        Vector128<byte> all = Mxfp4Scales.Load(scales + Block(row, step) * TLayout.ScalesApart, TLayout.ScalesApart);
        Mxfp4Scales.Store<TBytes>(count == IntegerStep.Blocks ? all : Mxfp4Scales.First(all, count), target);
    }

    public Mxfp4IntegerRows<TLayout> Copy(nint row, int step, int count, byte* memory)
    {
        new Span<byte>(memory, IntegerStep.Columns).Clear();
        byte* copied = memory + (TLayout.ScalesApart == 1 ? IntegerStep.Blocks : 1);
        for (int block = 0; block < count; block++)
        {
            memory[block * TLayout.ScalesApart] = scales[(Block(row, step) + block) * TLayout.ScalesApart];
            Vector128.Load(Place(row, step) + block * TLayout.CodesApart).Store(copied + block * TLayout.CodesApart);
        }
        return new(copied, memory, IntegerStep.Columns, IntegerStep.Columns);
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
}
