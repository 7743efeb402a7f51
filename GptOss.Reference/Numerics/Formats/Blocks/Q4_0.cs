using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Q4_0: byte j of 16 holds codes j and j + 16 in its nibbles. v = d·(c − 8).</summary>
internal readonly unsafe struct Q4_0 : IBlockFormat
{
    public static string Name => "Q4_0";
    public static int Weights => 32;
    public static int Bytes => 18;
    public static ReadOnlySpan<int> Scales => [0];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block);
        var codes = Vector128.Load(block + 2);
        var eight = Vector128.Create((sbyte)8);
        CodeLanes.Scale(CodeLanes.Low(codes).AsSByte() - eight, d, values);
        CodeLanes.Scale(CodeLanes.High(codes).AsSByte() - eight, d, values + 16);
    }
}
