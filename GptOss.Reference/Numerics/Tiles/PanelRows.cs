using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Tiles;

/// <summary>Four rows of float32, one every <paramref name="stride"/> elements.</summary>
internal readonly unsafe struct PanelRows(float* rows, nint stride) : ITileRows
{
    public static int Steps => 1;

    public static int MostTokens<TVector>() where TVector : struct, IVector<TVector> => TVector.Registers >= 32 ? 6 : 3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Load<TVector>(int row, nint k, int step, int lane) where TVector : struct, IVector<TVector> =>
        TVector.Load(rows + row * stride + (k + lane));

    public void Prefetch(nint k)
    {
    }
}
