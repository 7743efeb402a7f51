using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>
/// Q3_K: 256 codes of three bits (two in one place, one in another) in 16 sub-blocks, each with a 6-bit scale. v = (d·(sc − 32))·c.
/// </summary>
internal readonly unsafe struct Q3K : IBlockFormat
{
    public static string Name => "Q3_K";
    public static int Weights => 256;
    public static int Bytes => 110;
    public static ReadOnlySpan<int> Scales => [108];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block + 108);
        byte* codes = block + 32, scales = block + 96;
        for (int b = 0; b < 16; b++, values += 16)
        {
            Vector128<byte> low = (Vector128.Load(codes + 32 * (b / 8) + 16 * (b % 2)) >>> (b / 2 % 4 * 2)) & Vector128.Create((byte)3);
            var bit = Vector128.Create((byte)(1 << b / 2));
            var four = Vector128.AndNot(Vector128.Create((byte)4), Vector128.Equals(Vector128.Load(block + 16 * (b % 2)) & bit, bit));
            int scale = (scales[b % 8] >> 4 * (b / 8) & 15) | (scales[8 + b % 4] >> 2 * (b / 4) & 3) << 4;
            CodeLanes.Scale(low.AsSByte() - four.AsSByte(), d * (scale - 32), values);
        }
    }
}
