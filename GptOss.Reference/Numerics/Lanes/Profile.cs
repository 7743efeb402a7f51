using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Where values are rounded on the way from weights to logits.</summary>
public enum Precision
{
    /// <summary>float32 everywhere on exact weights: the same bits on every machine.</summary>
    Float32,

    /// <summary>Rounded to bfloat16 where the published reference rounds; also the same bits on every machine.</summary>
    Bfloat16,
}

/// <summary>A precision as a type argument: B(·) of the arithmetic contract, which the float32 profile leaves out.</summary>
internal interface IProfile
{
    static abstract Precision Precision { get; }

    /// <summary>B(value), or the value as it is.</summary>
    static abstract float Round(float value);

    /// <summary>B(value) of every lane, or the value as it is.</summary>
    static abstract TBlock Round<TBlock>(TBlock value) where TBlock : struct, IF32x16<TBlock>;
}

internal readonly struct Float32Profile : IProfile
{
    public static Precision Precision => Precision.Float32;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBlock Round<TBlock>(TBlock value) where TBlock : struct, IF32x16<TBlock> => value;
}

internal readonly struct Bfloat16Profile : IProfile
{
    public static Precision Precision => Precision.Bfloat16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => Bfloat16.Round(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBlock Round<TBlock>(TBlock value) where TBlock : struct, IF32x16<TBlock> => TBlock.RoundToBfloat16(value);
}
