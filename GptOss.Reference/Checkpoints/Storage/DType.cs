namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>Element types of the safetensors format; the names are those in files.</summary>
/// <remarks>Source: huggingface/safetensors, <c>safetensors/src/tensor.rs</c>, <c>Dtype</c>.</remarks>
#pragma warning disable CA1720, CA1707 // The members are the format's own spellings.
public enum DType
{
    /// <summary>One byte, 0 or 1.</summary>
    BOOL,
    /// <summary>4-bit float, two to a byte.</summary>
    F4,
    /// <summary>6-bit float: 2 exponent, 3 mantissa bits.</summary>
    F6_E2M3,
    /// <summary>6-bit float: 3 exponent, 2 mantissa bits.</summary>
    F6_E3M2,
    /// <summary>Unsigned byte; MXFP4 blocks and scales are stored as this.</summary>
    U8,
    /// <summary>Signed byte.</summary>
    I8,
    /// <summary>8-bit float: 5 exponent, 2 mantissa bits.</summary>
    F8_E5M2,
    /// <summary>8-bit float: 4 exponent, 3 mantissa bits.</summary>
    F8_E4M3,
    /// <summary>8-bit exponent.</summary>
    F8_E8M0,
    /// <summary>8-bit float: 4 exponent, 3 mantissa bits, no negative zero.</summary>
    F8_E4M3FNUZ,
    /// <summary>8-bit float: 5 exponent, 2 mantissa bits, no negative zero.</summary>
    F8_E5M2FNUZ,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>Unsigned 16-bit integer.</summary>
    U16,
    /// <summary>IEEE binary16.</summary>
    F16,
    /// <summary>bfloat16: the upper half of an IEEE binary32.</summary>
    BF16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>Unsigned 32-bit integer.</summary>
    U32,
    /// <summary>IEEE binary32.</summary>
    F32,
    /// <summary>Complex number of two binary32.</summary>
    C64,
    /// <summary>IEEE binary64.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
    /// <summary>Unsigned 64-bit integer.</summary>
    U64,
}
