using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Integers;

/// <summary>
/// Rounds activation rows to 8 bits: for each block of 32 consecutive elements with the largest magnitude m, code = x · (127 / m) rounded to the
/// nearest integer, ties to even, and d = m / 127.
/// </summary>
/// <remarks>
/// Each quotient and product is one float32 operation, so all widths give the same codes. A block whose largest magnitude is below 2^−100 is all
/// zeros; a block with something that is not a finite number gets the scale NaN, and whatever is computed from it is NaN too.
/// </remarks>
internal readonly unsafe struct IntegerInputJob(float* x, nint stride, int rows, int columns, IntegerOrder order, IntegerStep* target) : IJob
{
    private const uint Least = 0x0D800000;         // the bits of 2^−100

    public void Execute(int part, int parts)
    {
        int steps = IntegerStep.CountOf(columns);
        (int begin, int end) = WorkerPool.Share(rows * steps, 1, part, parts);
        for (int i = begin; i < end; i++)
        {
            int row = i / steps, first = i % steps * IntegerStep.Columns;
            Round(x + row * stride + first, Math.Min(IntegerStep.Columns, columns - first), target + i);
        }
    }

    private void Round(float* from, int count, IntegerStep* step)
    {
        for (int block = 0; block < IntegerStep.Blocks; block++)
        {
            int lane = IntegerStep.LaneOf(block);
            Vector128<sbyte> first = default, last = default;
            Vector128<short> sums = default;
            step->Scales[lane] = block * IntegerStep.BlockColumns < count
                ? Round(from + block * IntegerStep.BlockColumns, ref first, ref last, ref sums) * order.Factor : 0;
            ((int*)step->Begin)[lane] = Begin(sums);
            int* codes = (int*)step->Codes + lane;
            Scatter(first.AsInt32(), codes);
            Scatter(last.AsInt32(), codes + IntegerStep.Blocks);
        }
    }

    // The halves of a lane, from sums of which the places 0, 1, 4, 5 belong to the first half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Begin(Vector128<short> sums)
    {
        sums = (sums + Vector128.Shuffle(sums.AsInt64(), Vector128.Create(1L, 0)).AsInt16()) * (short)-order.Offset;
        sums += (sums.AsInt32() >>> 16).AsInt16();
        return (sums.AsInt32()[0] & 0xFFFF) | sums.AsInt32()[1] << 16;
    }

    // Four codes to every other group.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scatter(Vector128<int> codes, int* lane)
    {
        lane[0] = codes.ToScalar();
        lane[2 * IntegerStep.Blocks] = codes.GetElement(1);
        lane[4 * IntegerStep.Blocks] = codes.GetElement(2);
        lane[6 * IntegerStep.Blocks] = codes.GetElement(3);
    }

    // The codes of the even groups, those of the odd ones, and the sums of all that have the same place in a group of their half.
    private float Round(float* from, ref Vector128<sbyte> first, ref Vector128<sbyte> last, ref Vector128<short> sums)
    {
        // The bits of magnitudes compare as the magnitudes do, and those of infinity and NaN are above all others.
        Vector128<uint> largest = Vector128<uint>.Zero;
        for (int i = 0; i < 32; i += 4)
            largest = Vector128.Max(largest, Vector128.Load(from + i).AsUInt32() & Vector128.Create(0x7FFFFFFFu));
        largest = Vector128.Max(largest, Vector128.Shuffle(largest, Vector128.Create(2u, 3, 0, 1)));
        uint bits = Math.Max(largest[0], largest[1]);
        if (bits is < Least or >= 0x7F800000)
            return bits < Least ? 0 : float.NaN;
        float m = BitConverter.UInt32BitsToSingle(bits);
        var scale = Vector128.Create(127 / m);
        Vector128<short> a = Codes(from, scale), b = Codes(from + 8, scale), c = Codes(from + 16, scale), d = Codes(from + 24, scale);
        if (order.ArePairs)
        {
            // As sixteen bits each, an even element and the odd one behind it are the halves of 32 bits.
            Halves(a, b, out Vector128<short> even0, out Vector128<short> odd0);
            Halves(c, d, out Vector128<short> even1, out Vector128<short> odd1);
            (a, b, c, d) = (even0, even1, odd0, odd1);
        }
        (first, last) = (Vector128.NarrowWithSaturation(a, b), Vector128.NarrowWithSaturation(c, d));
        sums = a + b + (c + d);
        return m / 127;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> Codes(float* from, Vector128<float> scale) =>
        Vector128.NarrowWithSaturation(Four(from, scale), Four(from + 4, scale));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> Four(float* from, Vector128<float> scale) =>
        Vector128.ConvertToInt32Native(Vector128.Round(Vector128.Load(from) * scale));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Halves(Vector128<short> a, Vector128<short> b, out Vector128<short> even, out Vector128<short> odd)
    {
        even = Vector128.NarrowWithSaturation((a.AsInt32() << 16) >> 16, (b.AsInt32() << 16) >> 16);
        odd = Vector128.NarrowWithSaturation(a.AsInt32() >> 16, b.AsInt32() >> 16);
    }
}
