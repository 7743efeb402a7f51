using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// Four consecutive rows of MXFP4 in any container, as they are stored: the even elements of a block are one step, the odd ones the next.
/// </summary>
/// <remarks>Only for registers of 8 and 16 lanes. See <see cref="Mxfp4Rows"/> for why the tables are passed in.</remarks>
internal readonly unsafe struct Mxfp4TileRows<TLayout>(byte* codes, byte* scales, float* tables, nint perRow) : ITileRows
    where TLayout : struct, IMxfp4Layout
{
    public static int Steps => 2;

    public static int MostTokens<TVector>() where TVector : struct, IVector<TVector> => TVector.Registers >= 32 ? 5 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Load<TVector>(int row, nint k, int step, int lane) where TVector : struct, IVector<TVector>
    {
        nint block = k >> 5;
        byte* code = codes + block * TLayout.CodesApart + row * (perRow * TLayout.CodesApart);
        nuint scale = *(scales + block * TLayout.ScalesApart + row * (perRow * TLayout.ScalesApart));
        float* values = (float*)((byte*)tables + (scale << 6));
        if (typeof(TVector) == typeof(Vector16))
        {
            // Looked up by the low four bits of each lane, which are all that vpermps reads of an index. Loaded in two ways, or the JIT keeps four
            // tables in registers from one step to the next, and has none left for the sums.
            Vector512<float> table = step == 0 ? Vector512.Load(values) : Vector512.LoadAligned(values);
            Vector16 sixteen = new(Avx512F.PermuteVar16x32(table, Sixteen(code, step)));
            return Unsafe.BitCast<Vector16, TVector>(sixteen);
        }

        // Eight magnitudes, looked up by the low three bits of each lane; bit 3 is the sign.
        Vector256<int> index = Eight(code, step, lane);
        Vector256<int> magnitude = Avx2.PermuteVar8x32(Vector256.Load(values), index).AsInt32();
        Vector8 eight = new((magnitude ^ ((index << 28) & Vector256.Create(int.MinValue))).AsSingle());
        return Unsafe.BitCast<Vector8, TVector>(eight);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint k)
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch1(codes + Formats.Prefetch.Bytes + (k >> 5) * 4 * TLayout.CodesApart);      // four rows
        if (TLayout.ScalesApart == 1 && (k & 511) == 0)
            Sse.Prefetch1(scales + Formats.Prefetch.Bytes / Mxfp4.BlockBytes + (k >> 5) * 4);
    }

    // Byte j of a block holds elements 2j and 2j + 1, or j and j + 16: then lanes 0 … 7 are the low nibbles of the even or odd bytes, and
    // lanes 8 … 15 the high ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Sixteen(byte* code, int step)
    {
        if (TLayout.ArePairs)
        {
            Vector512<int> codes = Avx512F.ConvertToVector512Int32(Vector128.Load(code));
            return step == 0 ? codes : codes >>> 4;
        }
        Vector512<int> pairs = Avx512F.ConvertToVector512Int32(Avx2.BroadcastVector128ToVector256((ushort*)code));
        return Avx512F.ShiftRightLogicalVariable(pairs, step == 0
            ? Vector512.Create(0u, 0, 0, 0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4)
            : Vector512.Create(8u, 8, 8, 8, 8, 8, 8, 8, 12, 12, 12, 12, 12, 12, 12, 12));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Eight(byte* code, int step, int lane) => TLayout.ArePairs
        ? Avx2.ConvertToVector256Int32(code + lane) >>> 4 * step
        : Avx2.ConvertToVector256Int32((ushort*)code) >>> (8 * step + lane / 2);
}
