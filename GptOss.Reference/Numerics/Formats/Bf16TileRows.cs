using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Four consecutive rows of bfloat16 of whole steps, as they are stored.</summary>
internal readonly unsafe struct Bf16TileRows(ushort* rows, nint columns) : ITileRows
{
    public static int Steps => 1;

    public static int MostTokens<TVector>() where TVector : struct, IVector<TVector> => TVector.Registers >= 32 ? 6 : 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Load<TVector>(int row, nint k, int step, int lane) where TVector : struct, IVector<TVector> =>
        TVector.Load(rows + row * columns + (k + lane));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint k)
    {
        if (!Sse.IsSupported)
            return;
        byte* ahead = (byte*)rows + Formats.Prefetch.Bytes + k * 8;      // four rows of two bytes
        Sse.Prefetch1(ahead);
        Sse.Prefetch1(ahead + 64);
    }
}
