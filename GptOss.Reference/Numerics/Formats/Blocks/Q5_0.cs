using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q5_0: as Q4_0, with bit i of 32 as the fifth bit of code i. v = d·(c − 16).</summary>
internal readonly unsafe struct Q5_0 : IBlockFormat
{
    public static string Name => "Q5_0";
    public static int Weights => 32;
    public static int Bytes => 22;
    public static ReadOnlySpan<int> Scales => [0];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block);
        ushort* fifth = (ushort*)(block + 2);
        var codes = Vector128.Load(block + 6);
        var sixteen = Vector128.Create((sbyte)16);
        CodeLanes.Scale((CodeLanes.Low(codes) | CodeLanes.Fifth(fifth[0])).AsSByte() - sixteen, d, values);
        CodeLanes.Scale((CodeLanes.High(codes) | CodeLanes.Fifth(fifth[1])).AsSByte() - sixteen, d, values + 16);
    }
}
