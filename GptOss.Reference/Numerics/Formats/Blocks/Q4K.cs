using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q4_K: 256 codes of four bits in 8 sub-blocks, each with a 6-bit scale and a 6-bit minimum. v = (d·sc)·c − dmin·mn.</summary>
internal readonly unsafe struct Q4K : IBlockFormat
{
    public static string Name => "Q4_K";
    public static int Weights => 256;
    public static int Bytes => 144;
    public static ReadOnlySpan<int> Scales => [0, 2];

    public static void Decode(byte* block, float* values) => Decode(block, block + 16, null, values);

    /// <summary>Q4_K, and Q5_K, whose fifth bits are apart.</summary>
    internal static void Decode(byte* block, byte* codes, byte* fifth, float* values)
    {
        float d = Float16.Read(block), dmin = Float16.Read(block + 2);
        byte* p = block + 4;
        for (int b = 0; b < 8; b++)
        {
            int scale = b < 4 ? p[b] & 63 : (p[b + 4] & 15) | p[b - 4] >> 6 << 4;
            int minimum = b < 4 ? p[b + 4] & 63 : p[b + 4] >> 4 | p[b] >> 6 << 4;
            for (int half = 0; half < 32; half += 16, values += 16)
            {
                Vector128<byte> bytes = Vector128.Load(codes + 32 * (b / 2) + half), c = b % 2 == 0 ? CodeLanes.Low(bytes) : CodeLanes.High(bytes);
                if (fifth != null)
                {
                    var bit = Vector128.Create((byte)(1 << b));
                    c |= Vector128.Equals(Vector128.Load(fifth + half) & bit, bit) & Vector128.Create((byte)16);
                }
                CodeLanes.Scale(c, d * scale, -(dmin * minimum), values);
            }
        }
    }
}
