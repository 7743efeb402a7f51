using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>bfloat16: the upper half of an IEEE float32.</summary>
/// <remarks>Source: the rounding rule of PyTorch's CPU cast and of ggml's <c>ggml_compute_fp32_to_bf16</c>.</remarks>
internal static class Bfloat16
{
    /// <summary>The float32 of the same value; exact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    /// <summary>The nearest bfloat16, ties to even. Overflow becomes infinity, subnormals are kept, NaN stays NaN (made quiet).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FromSingle(float value)
    {
        uint u = BitConverter.SingleToUInt32Bits(value);
        return (u & 0x7FFFFFFF) > 0x7F800000 ? (ushort)((u >> 16) | 0x40) : (ushort)((u + 0x7FFF + ((u >> 16) & 1)) >> 16);
    }

    /// <summary>B(x): rounded to the nearest bfloat16 and widened again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float value) => ToSingle(FromSingle(value));
}
