namespace GptOss.Reference.Numerics.Lanes;

/// <summary>How a machine holds the sixteen float32 lanes that all arithmetic is defined on.</summary>
public enum RegisterWidth
{
    /// <summary>A loop over sixteen floats: the definition.</summary>
    Scalar = 0,

    /// <summary>Four 128-bit registers: NEON, SSE.</summary>
    V128 = 128,

    /// <summary>Two 256-bit registers: AVX2.</summary>
    V256 = 256,

    /// <summary>One 512-bit register: AVX-512.</summary>
    V512 = 512,
}
