using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>IEEE binary16, which every float32 holds exactly.</summary>
internal static unsafe class Float16
{
    /// <summary>
    /// The values of all 65,536 bit patterns. One is two loads from here, where <see cref="Read(byte*)"/> takes more operations than the sixteen
    /// weights that it scales; those of a model's scales, mostly a few thousand neighbours, stay in the cache.
    /// </summary>
    internal static float* Values { get; } = Make();

    /// <summary>The value of two bytes, little-endian.</summary>
    internal static float Read(ReadOnlySpan<byte> bytes) => (float)BitConverter.UInt16BitsToHalf(BinaryPrimitives.ReadUInt16LittleEndian(bytes));

    /// <summary>The value at a place that need not be aligned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Read(byte* place) => Widen(Vector128.CreateScalarUnsafe((uint)*(ushort*)place)).ToScalar();

    /// <summary>Four consecutive values.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Widen4(byte* place) => Widen(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)place).AsUInt16()));

    /// <summary>The values of four bit patterns.</summary>
    /// <remarks>
    /// A half's exponent and mantissa, shifted to where a float has them, are the value times 2^−112; the multiplication is exact for subnormal
    /// halves too. The largest exponent stands for infinity or NaN in both.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> Widen(Vector128<uint> bits)
    {
        Vector128<uint> magnitude = bits & Vector128.Create(0x7FFFu), sign = (bits & Vector128.Create(0x8000u)) << 16;
        Vector128<float> value = (magnitude << 13).AsSingle() * Vector128.Create(BitConverter.UInt32BitsToSingle(0x77800000));
        Vector128<uint> special = Vector128.GreaterThan(magnitude, Vector128.Create(0x7BFFu)) & Vector128.Create(0x7F800000u);
        return (value.AsUInt32() | special | sign).AsSingle();
    }

    private static float* Make()
    {
        // For the life of the process.
        float* values = (float*)NativeMemory.AlignedAlloc((ushort.MaxValue + 1) * sizeof(float), 64);
        for (int bits = 0; bits <= ushort.MaxValue; bits++)
            values[bits] = Widen(Vector128.CreateScalarUnsafe((uint)bits)).ToScalar();
        return values;
    }
}
