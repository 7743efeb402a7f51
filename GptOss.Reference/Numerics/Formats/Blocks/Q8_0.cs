using System.Runtime.Intrinsics;

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
}
