using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats;

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
        Vector128<byte> codes = Vector128.Load(block + 2);
        Vector128<sbyte> eight = Vector128.Create((sbyte)8);
        CodeLanes.Scale(CodeLanes.Low(codes).AsSByte() - eight, d, values);
        CodeLanes.Scale(CodeLanes.High(codes).AsSByte() - eight, d, values + 16);
    }
}

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
        Vector128<byte> codes = Vector128.Load(block + 4);
        CodeLanes.Scale(CodeLanes.Low(codes), d, m, values);
        CodeLanes.Scale(CodeLanes.High(codes), d, m, values + 16);
    }
}

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
        Vector128<byte> codes = Vector128.Load(block + 6);
        Vector128<sbyte> sixteen = Vector128.Create((sbyte)16);
        CodeLanes.Scale((CodeLanes.Low(codes) | CodeLanes.Fifth(fifth[0])).AsSByte() - sixteen, d, values);
        CodeLanes.Scale((CodeLanes.High(codes) | CodeLanes.Fifth(fifth[1])).AsSByte() - sixteen, d, values + 16);
    }
}

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
        Vector128<byte> codes = Vector128.Load(block + 8);
        CodeLanes.Scale(CodeLanes.Low(codes) | CodeLanes.Fifth(fifth[0]), d, m, values);
        CodeLanes.Scale(CodeLanes.High(codes) | CodeLanes.Fifth(fifth[1]), d, m, values + 16);
    }
}

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
        Vector128<byte> codes = Vector128.Load(nibbles);
        CodeLanes.Scale(Vector128.ShuffleNative(Values, CodeLanes.Low(codes)).AsSByte(), scale, values);
        CodeLanes.Scale(Vector128.ShuffleNative(Values, CodeLanes.High(codes)).AsSByte(), scale, values + 16);
    }
}
