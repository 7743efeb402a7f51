using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Sixteen small integers times a scale: what every block format comes down to. Each branch is exact, so they have the same bits.</summary>
internal static unsafe class CodeLanes
{
    /// <summary>values = scale · code.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Scale(Vector128<sbyte> codes, float scale, float* values)
    {
        if (Avx512F.IsSupported)
        {
            (Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(codes)) * Vector512.Create(scale)).Store(values);
        }
        else if (Avx2.IsSupported)
        {
            var wide = Vector256.Create(scale);
            (Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(codes)) * wide).Store(values);
            (Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(codes, 8))) * wide).Store(values + 8);
        }
        else
        {
            var wide = Vector128.Create(scale);
            (Vector128<short> lower, Vector128<short> upper) = Vector128.Widen(codes);
            (Vector128<int> a, Vector128<int> b) = Vector128.Widen(lower);
            (Vector128<int> c, Vector128<int> d) = Vector128.Widen(upper);
            (Vector128.ConvertToSingle(a) * wide).Store(values);
            (Vector128.ConvertToSingle(b) * wide).Store(values + 4);
            (Vector128.ConvertToSingle(c) * wide).Store(values + 8);
            (Vector128.ConvertToSingle(d) * wide).Store(values + 12);
        }
    }

    /// <summary>values = scale · code + minimum: the product is exact, the sum rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Scale(Vector128<byte> codes, float scale, float minimum, float* values)
    {
        Scale(codes.AsSByte(), scale, values);
        for (int i = 0; i < 16; i += 4)
            (Vector128.Load(values + i) + Vector128.Create(minimum)).Store(values + i);
    }

    /// <summary>The low nibbles of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> Low(Vector128<byte> bytes) => bytes & Vector128.Create((byte)15);

    /// <summary>The high nibbles of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> High(Vector128<byte> bytes) => bytes >>> 4;

    /// <summary>16 in every byte whose bit of <paramref name="bits"/> is set, 0 elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> Fifth(ushort bits)
    {
        var one = Vector128.Create(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, (byte)128);
        var spread = Vector128.Create(Vector64.Create((byte)bits), Vector64.Create((byte)(bits >> 8)));
        return Vector128.Equals(spread & one, one) & Vector128.Create((byte)16);
    }
}
