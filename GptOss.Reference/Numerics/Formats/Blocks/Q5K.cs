namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q5_K: as Q4_K, with a fifth bit of each code. v = (d·sc)·c − dmin·mn.</summary>
internal readonly unsafe struct Q5K : IBlockFormat
{
    public static string Name => "Q5_K";
    public static int Weights => 256;
    public static int Bytes => 176;
    public static ReadOnlySpan<int> Scales => [0, 2];

    public static void Decode(byte* block, float* values) => Q4K.Decode(block, block + 48, block + 16, values);
}
