using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q5_1: as Q5_0, with a minimum. v = d·c + m.</summary>
internal readonly unsafe struct Q5_1 : IBlockFormat
{
    public static string Name => "Q5_1";
    public static int Weights => 32;
    public static int Bytes => 24;
    public static ReadOnlySpan<int> Scales => [0, 2];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block), m = Float16.Read(block + 2);
        ushort* fifth = (ushort*)(block + 4);
        var codes = Vector128.Load(block + 8);
        CodeLanes.Scale(CodeLanes.Low(codes) | CodeLanes.Fifth(fifth[0]), d, m, values);
        CodeLanes.Scale(CodeLanes.High(codes) | CodeLanes.Fifth(fifth[1]), d, m, values + 16);
    }
}
