using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

internal readonly struct Bfloat16Profile : IProfile
{
    public static Precision Precision => Precision.Bfloat16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => Bfloat16.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBlock Round<TBlock>(TBlock value) where TBlock : struct, IF32x16<TBlock> => TBlock.RoundToBfloat16(value);
}
