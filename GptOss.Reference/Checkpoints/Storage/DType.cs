namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>Element types of the safetensors format; the names are those that stand in files.</summary>
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
#pragma warning restore CA1720, CA1707

/// <summary>Sizes and spellings of <see cref="DType"/>.</summary>
public static class DTypes
{
    private static readonly string[] Names = Enum.GetNames<DType>();

    /// <summary>Bits of one element: 4, 6, 8, 16, 32 or 64.</summary>
    public static int Bits(this DType dtype) => dtype switch
    {
        DType.F4 => 4,
        DType.F6_E2M3 or DType.F6_E3M2 => 6,
        DType.BOOL or DType.U8 or DType.I8 or DType.F8_E5M2 or DType.F8_E4M3 or DType.F8_E8M0 or DType.F8_E4M3FNUZ or DType.F8_E5M2FNUZ => 8,
        DType.I16 or DType.U16 or DType.F16 or DType.BF16 => 16,
        DType.I32 or DType.U32 or DType.F32 => 32,
        DType.C64 or DType.F64 or DType.I64 or DType.U64 => 64,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "Not an element type of the safetensors format."),
    };

    /// <summary>The type spelled <paramref name="name"/> in a header; case matters. False where the format has no such type.</summary>
    public static bool TryParse(string name, out DType dtype)
    {
        int at = Array.IndexOf(Names, name);       // names are declared in value order
        dtype = (DType)Math.Max(at, 0);
        return at >= 0;
    }
}
