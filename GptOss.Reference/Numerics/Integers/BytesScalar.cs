using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>Sixteen bytes as loops: the definition that every other width must equal.</summary>
[InlineArray(16)]
internal unsafe struct BytesScalar : IByteVector<BytesScalar>
{
    private byte _byte0;

    public static int Quarters => 1;

    public static int Registers => 16;

    public static BytesScalar Zero => default;

    public static BytesScalar Load(void* bytes) => *(BytesScalar*)bytes;

    public static BytesScalar Load(byte* bytes, nint apart) => *(BytesScalar*)bytes;

    public static void Store(BytesScalar value, byte* bytes) => *(BytesScalar*)bytes = value;

    public static BytesScalar LowLanes(BytesScalar a, BytesScalar b) => Of(a.Lane(0), b.Lane(0), a.Lane(1), b.Lane(1));

    public static BytesScalar HighLanes(BytesScalar a, BytesScalar b) => Of(a.Lane(2), b.Lane(2), a.Lane(3), b.Lane(3));

    public static BytesScalar LowPairs(BytesScalar a, BytesScalar b) => Of(a.Lane(0), a.Lane(1), b.Lane(0), b.Lane(1));

    public static BytesScalar HighPairs(BytesScalar a, BytesScalar b) => Of(a.Lane(2), a.Lane(3), b.Lane(2), b.Lane(3));

    public static BytesScalar LowNibbles(BytesScalar value)
    {
        foreach (ref byte b in value)
            b &= 15;
        return value;
    }

    public static BytesScalar HighNibbles(BytesScalar value)
    {
        foreach (ref byte b in value)
            b >>= 4;
        return value;
    }

    public static BytesScalar Repeat(Vector128<byte> bytes) => Unsafe.BitCast<Vector128<byte>, BytesScalar>(bytes);

    public static BytesScalar LookUp(BytesScalar table, BytesScalar numbers)
    {
        foreach (ref byte b in numbers)
            b = table[b];
        return numbers;
    }

    public static BytesScalar Begin(void* halves)
    {
        BytesScalar sums = default;
        for (int i = 0; i < 4; i++)
            sums.Lane(i) = ((short*)halves)[2 * i] + ((short*)halves)[2 * i + 1];
        return sums;
    }

    public static BytesScalar MultiplyAdd(BytesScalar w0, BytesScalar x0, BytesScalar w1, BytesScalar x1, BytesScalar sums)
    {
        for (int i = 0; i < 16; i++)
            sums.Lane(i / 4) += w0[i] * (sbyte)x0[i] + w1[i] * (sbyte)x1[i];
        return sums;
    }

    public static void MultiplyAdd(BytesScalar w0, BytesScalar w1, BytesScalar x, ref BytesScalar sums0, ref BytesScalar sums1)
    {
        sums0 = MultiplyAdd(w0, x, Zero, Zero, sums0);
        sums1 = MultiplyAdd(w1, x, Zero, Zero, sums1);
    }

    public static BytesScalar Lanes(BytesScalar sums) => sums;

    public static BytesScalar Join(BytesScalar high, BytesScalar low)
    {
        for (int i = 0; i < 4; i++)
            low.Lane(i) += 16 * high.Lane(i);
        return low;
    }

    public static BytesScalar AddScaled(BytesScalar lanes, BytesScalar integers, BytesScalar w, BytesScalar x)
    {
        for (int i = 0; i < 4; i++)
            lanes.Single(i) = MathF.FusedMultiplyAdd(integers.Lane(i), w.Single(i) * x.Single(i), lanes.Single(i));
        return lanes;
    }

    private static BytesScalar Of(int a, int b, int c, int d)
    {
        BytesScalar r = default;
        (r.Lane(0), r.Lane(1), r.Lane(2), r.Lane(3)) = (a, b, c, d);
        return r;
    }

    [UnscopedRef]
    private ref float Single(int i) => ref MemoryMarshal.Cast<byte, float>((Span<byte>)this)[i];

    [UnscopedRef]
    private ref int Lane(int i) => ref MemoryMarshal.Cast<byte, int>((Span<byte>)this)[i];
}
