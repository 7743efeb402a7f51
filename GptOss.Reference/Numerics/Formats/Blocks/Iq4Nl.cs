using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>IQ4_NL: as Q4_0, with sixteen uneven values in place of the codes. v = d·K[c].</summary>
internal readonly unsafe struct Iq4Nl : IBlockFormat
{
    public static string Name => "IQ4_NL";
    public static int Weights => 32;
    public static int Bytes => 18;
    public static ReadOnlySpan<int> Scales => [0];

    /// <summary>K.</summary>
    internal static Vector128<byte> Values =>
        Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, (sbyte)113).AsByte();

    public static void Decode(byte* block, float* values) => Decode(block + 2, Float16.Read(block), values);

    /// <summary>Sixteen bytes of codes at one scale.</summary>
    internal static void Decode(byte* nibbles, float scale, float* values)
    {
        var codes = Vector128.Load(nibbles);
        CodeLanes.Scale(Vector128.ShuffleNative(Values, CodeLanes.Low(codes)).AsSByte(), scale, values);
        CodeLanes.Scale(Vector128.ShuffleNative(Values, CodeLanes.High(codes)).AsSByte(), scale, values + 16);
    }
}
