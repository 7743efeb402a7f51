namespace GptOss.Reference.Checkpoints.Storage;

#pragma warning restore CA1720, CA1707

/// <summary>Sizes and spellings of <see cref="DType"/>.</summary>
internal static class DTypes
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
