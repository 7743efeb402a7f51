using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Four consecutive rows of Q8_0 as they are stored: the first half of a block is one step, the second the next.</summary>
/// <remarks>Only for registers of 8 and 16 lanes.</remarks>
/// <param name="blocks">The first row.</param>
/// <param name="rowBytes">Bytes of a row.</param>
/// <param name="scales"><see cref="Float16.Values"/>.</param>
internal readonly unsafe struct Q8TileRows(byte* blocks, nint rowBytes, float* scales) : ITileRows
{
    public static int Steps => 2;

    public static int MostTokens<TVector>() where TVector : struct, IVector<TVector> => TVector.Registers >= 32 ? 5 : 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Load<TVector>(int row, nint k, int step, int lane) where TVector : struct, IVector<TVector>
    {
        byte* block = blocks + (k >> 5) * Q8_0.Bytes + row * rowBytes, codes = block + 2 + 16 * step + lane;
        float* scale = scales + *(ushort*)block;
        if (typeof(TVector) == typeof(Vector16))
        {
            Vector512<float> sixteen = Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)codes)));
            return Unsafe.BitCast<Vector16, TVector>(new(sixteen * Vector512.Create(*scale)));
        }
        Vector256<float> eight = Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32((sbyte*)codes));
        return Unsafe.BitCast<Vector8, TVector>(new(eight * Vector256.Create(*scale)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint k)
    {
        if (!Sse.IsSupported)
            return;
        byte* ahead = blocks + Formats.Prefetch.Bytes + (k >> 5) * 4 * Q8_0.Bytes;      // four rows, of which a block is 136 bytes
        Sse.Prefetch1(ahead);
        Sse.Prefetch1(ahead + 64);
        Sse.Prefetch1(ahead + 128);
    }
}
