using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>256 bits.</summary>
internal readonly unsafe struct Bytes256(Vector256<byte> value) : IByteVector<Bytes256>
{
    private readonly Vector256<byte> _value = value;

    public static int Quarters => 2;

    public static int Registers => Vector512.IsHardwareAccelerated ? 32 : 16;

    public static Bytes256 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector256<byte>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Load(void* bytes) => new(Vector256.Load((byte*)bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Load(byte* bytes, nint apart) =>
        new(apart == 16 ? Vector256.Load(bytes) : Vector256.Create(Vector128.Load(bytes), Vector128.Load(bytes + apart)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Bytes256 value, byte* bytes) => value._value.Store(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 LowLanes(Bytes256 a, Bytes256 b) => new(Avx2.UnpackLow(a._value.AsInt32(), b._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 HighLanes(Bytes256 a, Bytes256 b) => new(Avx2.UnpackHigh(a._value.AsInt32(), b._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 LowPairs(Bytes256 a, Bytes256 b) => new(Avx2.UnpackLow(a._value.AsInt64(), b._value.AsInt64()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 HighPairs(Bytes256 a, Bytes256 b) => new(Avx2.UnpackHigh(a._value.AsInt64(), b._value.AsInt64()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 LowNibbles(Bytes256 value) => new(value._value & Vector256.Create((byte)15));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 HighNibbles(Bytes256 value) => new((value._value.AsUInt16() >>> 4).AsByte() & Vector256.Create((byte)15));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Repeat(Vector128<byte> bytes) => new(Vector256.Create(bytes, bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 LookUp(Bytes256 table, Bytes256 numbers) => new(Avx2.Shuffle(table._value, numbers._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Begin(void* halves) => Load(halves);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 MultiplyAdd(Bytes256 w0, Bytes256 x0, Bytes256 w1, Bytes256 x1, Bytes256 sums)
    {
        Vector256<short> a = Avx2.MultiplyAddAdjacent(w0._value, x0._value.AsSByte()),
            b = Avx2.MultiplyAddAdjacent(w1._value, x1._value.AsSByte());
        return new((a + b + sums._value.AsInt16()).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(Bytes256 w0, Bytes256 w1, Bytes256 x, ref Bytes256 sums0, ref Bytes256 sums1)
    {
        Vector256<short> a = Avx2.MultiplyAddAdjacent(w0._value, x._value.AsSByte()),
            b = Avx2.MultiplyAddAdjacent(w1._value, x._value.AsSByte());
        sums0 = new((sums0._value.AsInt16() + a).AsByte());
        sums1 = new((sums1._value.AsInt16() + b).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Lanes(Bytes256 sums) => new(Avx2.MultiplyAddAdjacent(sums._value.AsInt16(), Vector256<short>.One).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 Join(Bytes256 high, Bytes256 low) => new((Avx2.MultiplyAddAdjacent(high._value.AsInt16(), Vector256.Create((short)16))
        + Avx2.MultiplyAddAdjacent(low._value.AsInt16(), Vector256<short>.One)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes256 AddScaled(Bytes256 lanes, Bytes256 integers, Bytes256 w, Bytes256 x) => new(Vector256.FusedMultiplyAdd(
        Vector256.ConvertToSingle(integers._value.AsInt32()), w._value.AsSingle() * x._value.AsSingle(), lanes._value.AsSingle()).AsByte());
}
