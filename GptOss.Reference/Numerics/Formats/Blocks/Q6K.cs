using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q6_K: 256 codes of six bits (four in one place, two in another) in 16 sub-blocks with signed 8-bit scales. v = (d·sc)·(c − 32).</summary>
internal readonly unsafe struct Q6K : IBlockFormat
{
    public static string Name => "Q6_K";
    public static int Weights => 256;
    public static int Bytes => 210;
    public static ReadOnlySpan<int> Scales => [208];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block + 208);
        sbyte* scales = (sbyte*)block + 192;
        for (int b = 0; b < 16; b++, values += 16)
        {
            // Sub-block b: half n of the block, group g of 32, half of the group.
            int n = b / 8, g = b / 2 % 4, half = 16 * (b % 2);
            Vector128<byte> bytes = Vector128.Load(block + 64 * n + 32 * (g % 2) + half), low = g < 2 ? CodeLanes.Low(bytes) : CodeLanes.High(bytes);
            Vector128<byte> high = ((Vector128.Load(block + 128 + 32 * n + half) >>> (2 * g)) & Vector128.Create((byte)3)) << 4;
            CodeLanes.Scale((low | high).AsSByte() - Vector128.Create((sbyte)32), d * scales[b], values);
        }
    }
}
