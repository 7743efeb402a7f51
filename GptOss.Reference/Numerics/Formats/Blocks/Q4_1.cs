using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q4_1: as Q4_0, with a minimum. v = d·c + m.</summary>
internal readonly unsafe struct Q4_1 : IBlockFormat
{
    public static string Name => "Q4_1";
    public static int Weights => 32;
    public static int Bytes => 20;
    public static ReadOnlySpan<int> Scales => [0, 2];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block), m = Float16.Read(block + 2);
        var codes = Vector128.Load(block + 4);
        CodeLanes.Scale(CodeLanes.Low(codes), d, m, values);
        CodeLanes.Scale(CodeLanes.High(codes), d, m, values + 16);
    }
}
