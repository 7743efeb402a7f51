namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>IQ4_XS: 256 codes of IQ4_NL's sixteen values in 8 sub-blocks with 6-bit scales. v = (d·(ls − 32))·K[c].</summary>
internal readonly unsafe struct Iq4Xs : IBlockFormat
{
    public static string Name => "IQ4_XS";
    public static int Weights => 256;
    public static int Bytes => 136;
    public static ReadOnlySpan<int> Scales => [0];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block);
        int high = *(ushort*)(block + 2);
        for (int b = 0; b < 8; b++, values += 32)
        {
            int scale = (block[4 + b / 2] >> 4 * (b % 2) & 15) | (high >> 2 * b & 3) << 4;
            Iq4Nl.Decode(block + 8 + 16 * b, d * (scale - 32), values);
        }
    }
}
