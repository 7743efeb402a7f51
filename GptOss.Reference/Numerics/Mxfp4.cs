using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Numerics;

/// <summary>
/// MXFP4: 32 consecutive weights of a row share one E8M0 scale byte s; weight = E2M1(code) · 2^(s − 127). In safetensors byte j of a
/// block holds element 2j in its low nibble and element 2j + 1 in its high one.
/// </summary>
/// <remarks>Source: OCP Microscaling Formats v1.0; <c>gpt_oss/torch/weights.py</c> (the order of the nibbles and values).</remarks>
public static unsafe class Mxfp4
{
    /// <summary>Weights of one block.</summary>
    public const int BlockWeights = 32;

    /// <summary>Bytes of one block, without its scale.</summary>
    public const int BlockBytes = 16;

    /// <summary>The scale byte that means NaN; no weight may carry it.</summary>
    public const byte NaNScale = 255;

    // Static data at a fixed, 64-byte aligned address, so that a decode is one load.
    private static readonly float* Tables = AllocateTables();

    /// <summary>The sixteen E2M1 values by code: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives (code 8 is −0).</summary>
    internal static float* Values { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => Tables; }

    /// <summary>2^(s − 127) by scale byte s; entry 0 is the subnormal 2^−127, entry 255 is NaN.</summary>
    internal static float* Scales { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => Tables + 16; }

    /// <summary>The value of a 4-bit E2M1 code.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The code is not in 0…15.</exception>
    public static float Value(int code)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(code);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(code, 15);
        return Tables[code];
    }

    /// <summary>2^(s − 127); NaN for 255.</summary>
    public static float Scale(byte scale) => Scales[scale];

    /// <summary>Weight <paramref name="index"/> of a block of 32: the scalar definition that every block decode must equal.</summary>
    /// <param name="block">The block's 16 bytes.</param>
    /// <param name="scale">The block's scale byte.</param>
    /// <param name="index">0…31.</param>
    public static float Decode(ReadOnlySpan<byte> block, byte scale, int index)
    {
        int pair = block[index / 2];
        return Value(index % 2 == 0 ? pair & 15 : pair >> 4) * Scale(scale);
    }

    private static float* AllocateTables()
    {
        ReadOnlySpan<float> positive = [0f, 0.5f, 1f, 1.5f, 2f, 3f, 4f, 6f];
        float* tables = (float*)NativeMemory.AlignedAlloc((16 + 256) * sizeof(float), 64);
        for (int code = 0; code < 16; code++)
            tables[code] = code < 8 ? positive[code] : -positive[code - 8];
        for (int s = 0; s < 256; s++)
            tables[16 + s] = s switch { 0 => BitConverter.UInt32BitsToSingle(0x00400000), NaNScale => float.NaN, _ => BitConverter.UInt32BitsToSingle((uint)s << 23) };
        return tables;
    }
}
