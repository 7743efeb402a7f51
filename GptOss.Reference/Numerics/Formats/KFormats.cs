using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats;

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

/// <summary>Q3_K: 256 codes of three bits (two in one place, one in another) in 16 sub-blocks, each with a 6-bit scale. v = (d·(sc − 32))·c.</summary>
internal readonly unsafe struct Q3K : IBlockFormat
{
    public static string Name => "Q3_K";
    public static int Weights => 256;
    public static int Bytes => 110;
    public static ReadOnlySpan<int> Scales => [108];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block + 108);
        byte* codes = block + 32, scales = block + 96;
        for (int b = 0; b < 16; b++, values += 16)
        {
            Vector128<byte> low = (Vector128.Load(codes + 32 * (b / 8) + 16 * (b % 2)) >>> (b / 2 % 4 * 2)) & Vector128.Create((byte)3);
            Vector128<byte> bit = Vector128.Create((byte)(1 << b / 2));
            Vector128<byte> four = Vector128.AndNot(Vector128.Create((byte)4), Vector128.Equals(Vector128.Load(block + 16 * (b % 2)) & bit, bit));
            int scale = (scales[b % 8] >> 4 * (b / 8) & 15) | (scales[8 + b % 4] >> 2 * (b / 4) & 3) << 4;
            CodeLanes.Scale(low.AsSByte() - four.AsSByte(), d * (scale - 32), values);
        }
    }
}

/// <summary>Q4_K: 256 codes of four bits in 8 sub-blocks, each with a 6-bit scale and a 6-bit minimum. v = (d·sc)·c − dmin·mn.</summary>
internal readonly unsafe struct Q4K : IBlockFormat
{
    public static string Name => "Q4_K";
    public static int Weights => 256;
    public static int Bytes => 144;
    public static ReadOnlySpan<int> Scales => [0, 2];

    public static void Decode(byte* block, float* values) => Decode(block, block + 16, null, values);

    /// <summary>Q4_K, and Q5_K, whose fifth bits are apart.</summary>
    internal static void Decode(byte* block, byte* codes, byte* fifth, float* values)
    {
        float d = Float16.Read(block), dmin = Float16.Read(block + 2);
        byte* p = block + 4;
        for (int b = 0; b < 8; b++)
        {
            int scale = b < 4 ? p[b] & 63 : (p[b + 4] & 15) | p[b - 4] >> 6 << 4;
            int minimum = b < 4 ? p[b + 4] & 63 : p[b + 4] >> 4 | p[b] >> 6 << 4;
            for (int half = 0; half < 32; half += 16, values += 16)
            {
                Vector128<byte> bytes = Vector128.Load(codes + 32 * (b / 2) + half), c = b % 2 == 0 ? CodeLanes.Low(bytes) : CodeLanes.High(bytes);
                if (fifth != null)
                {
                    Vector128<byte> bit = Vector128.Create((byte)(1 << b));
                    c |= Vector128.Equals(Vector128.Load(fifth + half) & bit, bit) & Vector128.Create((byte)16);
                }
                CodeLanes.Scale(c, d * scale, -(dmin * minimum), values);
            }
        }
    }
}

/// <summary>Q5_K: as Q4_K, with a fifth bit of each code. v = (d·sc)·c − dmin·mn.</summary>
internal readonly unsafe struct Q5K : IBlockFormat
{
    public static string Name => "Q5_K";
    public static int Weights => 256;
    public static int Bytes => 176;
    public static ReadOnlySpan<int> Scales => [0, 2];

    public static void Decode(byte* block, float* values) => Q4K.Decode(block, block + 48, block + 16, values);
}

/// <summary>Q6_K: 256 codes of six bits (four in one place, two in another) in 16 sub-blocks with signed 8-bit scales. v = (d·sc)·(c − 32).</summary>
internal readonly unsafe struct Q6K : IBlockFormat
{
    public static string Name => "Q6_K";
    public static int Weights => 256;
    public static int Bytes => 210;
    public static ReadOnlySpan<int> Scales => [208];

    public static void Decode(byte* block, float* values)
    {
        float d = Float16.Read(block + 208);
        sbyte* scales = (sbyte*)block + 192;
        for (int b = 0; b < 16; b++, values += 16)
        {
            // Sub-block b: half n of the block, group g of 32, half of the group.
            int n = b / 8, g = b / 2 % 4, half = 16 * (b % 2);
            Vector128<byte> bytes = Vector128.Load(block + 64 * n + 32 * (g % 2) + half), low = g < 2 ? CodeLanes.Low(bytes) : CodeLanes.High(bytes);
            Vector128<byte> high = ((Vector128.Load(block + 128 + 32 * n + half) >>> (2 * g)) & Vector128.Create((byte)3)) << 4;
            CodeLanes.Scale((low | high).AsSByte() - Vector128.Create((sbyte)32), d * scales[b], values);
        }
    }
}

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
