using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q2_K: 256 codes of two bits in 16 sub-blocks, each with a 4-bit scale and a 4-bit minimum. v = (d·sc)·c − dmin·mn.</summary>
internal readonly unsafe struct Q2K : IBlockFormat
{
    public static string Name => "Q2_K";
    public static int Weights => 256;
    public static int Bytes => 84;
    public static ReadOnlySpan<int> Scales => [80, 82];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block + 80), dmin = Float16.Read(block + 82);
        byte* codes = block + 16;
        for (int b = 0; b < 16; b++, values += 16)
        {
            // Sub-block b: half of the block, pair of bits, half of the 32 bytes.
            Vector128<byte> c = (Vector128.Load(codes + 32 * (b / 8) + 16 * (b % 2)) >>> (b / 2 % 4 * 2)) & Vector128.Create((byte)3);
            CodeLanes.Scale(c, d * (block[b] & 15), -(dmin * (block[b] >> 4)), values);
        }
    }
}
