using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>128 bits, of x64 with SSSE3 or of Arm64.</summary>
internal readonly unsafe struct Bytes128(Vector128<byte> value) : IByteVector<Bytes128>
{
    private readonly Vector128<byte> _value = value;

    /// <summary>Whether this machine has the instructions.</summary>
    internal static bool IsSupported => Ssse3.IsSupported || AdvSimd.Arm64.IsSupported;

    public static int Quarters => 1;

    public static int Registers => AdvSimd.IsSupported || Vector512.IsHardwareAccelerated ? 32 : 16;

    public static Bytes128 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector128<byte>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 Load(void* bytes) => new(Vector128.Load((byte*)bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 Load(byte* bytes, nint apart) => new(Vector128.Load(bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Bytes128 value, byte* bytes) => value._value.Store(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 LowLanes(Bytes128 a, Bytes128 b) => new(AdvSimd.Arm64.IsSupported
        ? AdvSimd.Arm64.ZipLow(a._value.AsInt32(), b._value.AsInt32()).AsByte() : Sse2.UnpackLow(a._value.AsInt32(), b._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 HighLanes(Bytes128 a, Bytes128 b) => new(AdvSimd.Arm64.IsSupported
        ? AdvSimd.Arm64.ZipHigh(a._value.AsInt32(), b._value.AsInt32()).AsByte() : Sse2.UnpackHigh(a._value.AsInt32(), b._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 LowPairs(Bytes128 a, Bytes128 b) => new(AdvSimd.Arm64.IsSupported
        ? AdvSimd.Arm64.ZipLow(a._value.AsInt64(), b._value.AsInt64()).AsByte() : Sse2.UnpackLow(a._value.AsInt64(), b._value.AsInt64()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 HighPairs(Bytes128 a, Bytes128 b) => new(AdvSimd.Arm64.IsSupported
        ? AdvSimd.Arm64.ZipHigh(a._value.AsInt64(), b._value.AsInt64()).AsByte() : Sse2.UnpackHigh(a._value.AsInt64(), b._value.AsInt64()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 LowNibbles(Bytes128 value) => new(value._value & Vector128.Create((byte)15));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 HighNibbles(Bytes128 value) => new(value._value >>> 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 Repeat(Vector128<byte> bytes) => new(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 LookUp(Bytes128 table, Bytes128 numbers) => new(Vector128.ShuffleNative(table._value, numbers._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 Begin(void* halves) =>
        Dp.IsSupported ? new(AdvSimd.AddPairwiseWidening(Vector128.Load((short*)halves)).AsByte()) : Load(halves);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 MultiplyAdd(Bytes128 w0, Bytes128 x0, Bytes128 w1, Bytes128 x1, Bytes128 sums)
    {
        if (Dp.IsSupported)
            return new(Dot(w1, x1, Dot(w0, x0, sums._value.AsInt32())).AsByte());
        Vector128<short> a = Products(w0, x0), b = Products(w1, x1);
        return new((a + b + sums._value.AsInt16()).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(Bytes128 w0, Bytes128 w1, Bytes128 x, ref Bytes128 sums0, ref Bytes128 sums1)
    {
        if (Dp.IsSupported)
        {
            sums0 = new(Dot(w0, x, sums0._value.AsInt32()).AsByte());
            sums1 = new(Dot(w1, x, sums1._value.AsInt32()).AsByte());
            return;
        }
        Vector128<short> a = Products(w0, x), b = Products(w1, x);
        sums0 = new((sums0._value.AsInt16() + a).AsByte());
        sums1 = new((sums1._value.AsInt16() + b).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 Lanes(Bytes128 sums)
    {
        if (Dp.IsSupported)
            return sums;
        return new(AdvSimd.Arm64.IsSupported ? AdvSimd.AddPairwiseWidening(sums._value.AsInt16()).AsByte()
            : Sse2.MultiplyAddAdjacent(sums._value.AsInt16(), Vector128<short>.One).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 Join(Bytes128 high, Bytes128 low) => new(((Lanes(high)._value.AsInt32() << 4) + Lanes(low)._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes128 AddScaled(Bytes128 lanes, Bytes128 integers, Bytes128 w, Bytes128 x) => new(Vector128.FusedMultiplyAdd(
        Vector128.ConvertToSingle(integers._value.AsInt32()), w._value.AsSingle() * x._value.AsSingle(), lanes._value.AsSingle()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Dot(Bytes128 w, Bytes128 x, Vector128<int> sums) => Dp.DotProduct(sums, w._value.AsSByte(), x._value.AsSByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Products(Bytes128 weights, Bytes128 codes)
    {
        if (!AdvSimd.Arm64.IsSupported)
            return Ssse3.MultiplyAddAdjacent(weights._value, codes._value.AsSByte());
        Vector128<sbyte> w = weights._value.AsSByte(), x = codes._value.AsSByte();
        return AdvSimd.Arm64.AddPairwise(AdvSimd.MultiplyWideningLower(w.GetLower(), x.GetLower()), AdvSimd.MultiplyWideningUpper(w, x));
    }
}
