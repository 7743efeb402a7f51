namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Where values are rounded on the way from weights to logits.</summary>
public enum Precision
{
    /// <summary>float32 everywhere on exact weights: the same bits on every machine.</summary>
    Float32,

    /// <summary>Rounded to bfloat16 where the published reference rounds; also the same bits on every machine.</summary>
    Bfloat16,
}
