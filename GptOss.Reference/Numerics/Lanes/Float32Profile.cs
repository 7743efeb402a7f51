using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

internal readonly struct Float32Profile : IProfile
{
    public static Precision Precision => Precision.Float32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBlock Round<TBlock>(TBlock value) where TBlock : struct, IF32x16<TBlock> => value;
}
