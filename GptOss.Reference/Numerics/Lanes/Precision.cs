namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Where values are rounded on the way from weights to logits.</summary>
public enum Precision
{
    /// <summary>float32 everywhere on exact weights: the same bits on every machine.</summary>
    Float32,

    /// <summary>Rounded to bfloat16 where the published reference rounds; also the same bits on every machine.</summary>
    Bfloat16,

    /// <summary>
    /// float32, but activations are rounded to 8 bits where they meet weights of MXFP4 or Q8_0: faster and less exact. Also the same bits on every
    /// machine.
    /// </summary>
    Fast,
}
