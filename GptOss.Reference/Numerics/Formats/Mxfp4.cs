using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// MXFP4: 32 consecutive weights of a row share one E8M0 scale byte s; weight = E2M1(code) · 2^(s − 127). In safetensors byte j of a
/// block holds element 2j in its low nibble and element 2j + 1 in its high one.
/// </summary>
/// <remarks>Source: OCP Microscaling Formats v1.0; <c>gpt_oss/torch/weights.py</c> (the order of the nibbles and values).</remarks>
internal static unsafe class Mxfp4
{
    /// <summary>Weights of one block.</summary>
    public const int BlockWeights = 32;

    /// <summary>Bytes of one block, without its scale.</summary>
    public const int BlockBytes = 16;

    /// <summary>The scale byte that means NaN; no block may have it.</summary>
    public const byte NaNScale = 255;

    // For each scale byte its sixteen weights, at a fixed, 64-byte aligned address: a decode is one load and one look-up.
    // 16 KiB in all; a trained model has about a dozen different scales, so some hundred bytes of it stay in the L1 cache.
    private static readonly float* Tables = AllocateTables();

    /// <summary>The sixteen E2M1 values by code, each times 2^(s − 127): 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives (code 8 is −0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float* ScaledValues(byte scale) => Tables + scale * 16;

    /// <summary>The value of a 4-bit E2M1 code.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The code is not in 0…15.</exception>
    public static float Value(int code)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(code);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(code, 15);
        return ScaledValues(127)[code];
    }

    /// <summary>2^(s − 127); NaN for 255.</summary>
    public static float Scale(byte scale) => ScaledValues(scale)[2];      // the value of code 2 is 1

    /// <summary>Weight <paramref name="index"/> of a block of 32: the scalar definition that every block decode must equal.</summary>
    /// <param name="block">The block's 16 bytes.</param>
    /// <param name="scale">The block's scale byte.</param>
    /// <param name="index">0…31.</param>
    public static float Decode(ReadOnlySpan<byte> block, byte scale, int index)
    {
        int pair = block[index / 2];
        return ScaledValues(scale)[index % 2 == 0 ? pair & 15 : pair >> 4];
    }

    private static float* AllocateTables()
    {
        ReadOnlySpan<float> magnitudes = [0f, 0.5f, 1f, 1.5f, 2f, 3f, 4f, 6f];
        float* tables = (float*)NativeMemory.AlignedAlloc(256 * 16 * sizeof(float), 64);
        for (int s = 0; s < 256; s++)
        {
            float scale = s switch { 0 => BitConverter.UInt32BitsToSingle(0x00400000), NaNScale => float.NaN, _ =>
                BitConverter.UInt32BitsToSingle((uint)s << 23) };
            for (int code = 0; code < 16; code++)
                tables[s * 16 + code] = (code < 8 ? magnitudes[code] : -magnitudes[code - 8]) * scale;
        }
        return tables;
    }
}
