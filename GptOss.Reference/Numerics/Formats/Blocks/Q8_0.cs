using System.Runtime.Intrinsics;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q8_0: 32 signed bytes times a float16 scale, 34 bytes. v = d·q.</summary>
internal readonly unsafe struct Q8_0 : IBlockFormat
{
    public static string Name => "Q8_0";
    public static int Weights => 32;
    public static int Bytes => 34;
    public static ReadOnlySpan<int> Scales => [0];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block);
        CodeLanes.Scale(Vector128.Load((sbyte*)block + 2), d, values);
        CodeLanes.Scale(Vector128.Load((sbyte*)block + 18), d, values + 16);
    }

    /// <summary>
    /// Rounds 32 bfloat16 weights with the largest magnitude m: d = m / 127 as a float16 and q = w / d, rounded to the nearest integer, ties to even.
    /// </summary>
    /// <returns>The scale d.</returns>
    internal static Half Round(ReadOnlySpan<ushort> weights, Span<sbyte> values)
    {
        float largest = 0;
        foreach (ushort weight in weights)
            largest = MathF.Max(largest, MathF.Abs(Bfloat16.ToSingle(weight)));
        var d = (Half)(largest / 127);
        float scale = (float)d;
        for (int i = 0; i < weights.Length; i++)
        {
            float q = scale == 0 ? 0 : MathF.Round(Bfloat16.ToSingle(weights[i]) / scale);
            values[i] = (sbyte)Math.Clamp(q, -127, 127);
        }
        return d;
    }
}
