namespace GptOss.Reference.Numerics.Lanes;

/// <summary>A precision as a type argument: B(·) of the arithmetic contract, which the float32 profile leaves out.</summary>
internal interface IProfile
{
    static abstract Precision Precision { get; }

    /// <summary>B(value), or the value unchanged.</summary>
    static abstract float Round(float value);

    /// <summary>B(value) of every lane, or the value unchanged.</summary>
    static abstract TBlock Round<TBlock>(TBlock value) where TBlock : struct, IF32x16<TBlock>;
}
