using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>E8M0 scales as factors of integer sums: 2^(s − 127), which is the float32 with the exponent s; 0 for s = 0.</summary>
internal static unsafe class Mxfp4Scales
{
    /// <summary>The bytes of sixteen blocks, <paramref name="apart"/> bytes from one to the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> Load(byte* s, nint apart) => apart == 1 ? Vector128.Load(s) : Vector128.Create(s[0], s[apart], s[2 * apart],
        s[3 * apart], s[4 * apart], s[5 * apart], s[6 * apart], s[7 * apart], s[8 * apart], s[9 * apart], s[10 * apart], s[11 * apart], s[12 * apart],
        s[13 * apart], s[14 * apart], s[15 * apart]);

    /// <summary>The bytes of the first <paramref name="count"/> blocks alone, 0 for the rest.</summary>
    internal static Vector128<byte> Load(byte* s, nint apart, nint count)
    {
        byte* bytes = stackalloc byte[IntegerStep.Blocks];
        for (int i = 0; i < IntegerStep.Blocks; i++)
            bytes[i] = i < count ? s[i * apart] : (byte)0;
        return Vector128.Load(bytes);
    }

    /// <summary>Keeps the first <paramref name="count"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> First(Vector128<byte> scales, int count) =>
        scales & Vector128.LessThan(Vector128<byte>.Indices, Vector128.Create((byte)count));

    /// <summary>Writes sixteen scales by lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Store<TBytes>(Vector128<byte> scales, float* target) where TBytes : struct, IByteVector<TBytes>
    {
        // Byte of block 4g + i at 4i + g, see IntegerStep.LaneOf.
        var bytes = Vector128.ShuffleNative(scales, Vector128.Create((byte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
        if (TBytes.Quarters == 4)
        {
            (Avx512F.ConvertToVector512Int32(bytes) << 23).AsSingle().Store(target);
            return;
        }
        (Vector128<ushort> first, Vector128<ushort> last) = Vector128.Widen(bytes);
        (Vector128<uint> a, Vector128<uint> b) = Vector128.Widen(first);
        (Vector128<uint> c, Vector128<uint> d) = Vector128.Widen(last);
        (a << 23).AsSingle().Store(target);
        (b << 23).AsSingle().Store(target + 4);
        (c << 23).AsSingle().Store(target + 8);
        (d << 23).AsSingle().Store(target + 12);
    }
}
