using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>512 bits.</summary>
internal readonly unsafe struct Bytes512(Vector512<byte> value) : IByteVector<Bytes512>
{
    private readonly Vector512<byte> _value = value;

    public static int Quarters => 4;

    public static int Registers => 32;

    public static Bytes512 Zero { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => new(Vector512<byte>.Zero); }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Load(void* bytes) => new(Vector512.Load((byte*)bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Load(byte* bytes, nint apart) =>
        new(apart == 16 ? Vector512.Load(bytes) : Vector512.Create(
            Vector256.Create(Vector128.Load(bytes), Vector128.Load(bytes + apart)),
            Vector256.Create(Vector128.Load(bytes + 2 * apart), Vector128.Load(bytes + 3 * apart))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Bytes512 value, byte* bytes) => value._value.Store(bytes);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 LowLanes(Bytes512 a, Bytes512 b) => new(Avx512F.UnpackLow(a._value.AsInt32(), b._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 HighLanes(Bytes512 a, Bytes512 b) => new(Avx512F.UnpackHigh(a._value.AsInt32(), b._value.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 LowPairs(Bytes512 a, Bytes512 b) => new(Avx512F.UnpackLow(a._value.AsInt64(), b._value.AsInt64()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 HighPairs(Bytes512 a, Bytes512 b) => new(Avx512F.UnpackHigh(a._value.AsInt64(), b._value.AsInt64()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 LowNibbles(Bytes512 value) => new(value._value & Vector512.Create((byte)15));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 HighNibbles(Bytes512 value) => new((value._value.AsUInt16() >>> 4).AsByte() & Vector512.Create((byte)15));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Repeat(Vector128<byte> bytes) => new(Vector512.Create(Vector256.Create(bytes, bytes), Vector256.Create(bytes, bytes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 LookUp(Bytes512 table, Bytes512 numbers) => new(Avx512BW.Shuffle(table._value, numbers._value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Begin(void* halves) => Load(halves);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 MultiplyAdd(Bytes512 w0, Bytes512 x0, Bytes512 w1, Bytes512 x1, Bytes512 sums)
    {
        Vector512<short> a = Avx512BW.MultiplyAddAdjacent(w0._value, x0._value.AsSByte()),
            b = Avx512BW.MultiplyAddAdjacent(w1._value, x1._value.AsSByte());
        return new((a + b + sums._value.AsInt16()).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MultiplyAdd(Bytes512 w0, Bytes512 w1, Bytes512 x, ref Bytes512 sums0, ref Bytes512 sums1)
    {
        Vector512<short> a = Avx512BW.MultiplyAddAdjacent(w0._value, x._value.AsSByte()),
            b = Avx512BW.MultiplyAddAdjacent(w1._value, x._value.AsSByte());
        sums0 = new((sums0._value.AsInt16() + a).AsByte());
        sums1 = new((sums1._value.AsInt16() + b).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Lanes(Bytes512 sums) => new(Avx512BW.MultiplyAddAdjacent(sums._value.AsInt16(), Vector512<short>.One).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 Join(Bytes512 high, Bytes512 low) => new((Avx512BW.MultiplyAddAdjacent(high._value.AsInt16(), Vector512.Create((short)16))
        + Avx512BW.MultiplyAddAdjacent(low._value.AsInt16(), Vector512<short>.One)).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Bytes512 AddScaled(Bytes512 lanes, Bytes512 integers, Bytes512 w, Bytes512 x) => new(Vector512.FusedMultiplyAdd(
        Vector512.ConvertToSingle(integers._value.AsInt32()), w._value.AsSingle() * x._value.AsSingle(), lanes._value.AsSingle()).AsByte());
}
