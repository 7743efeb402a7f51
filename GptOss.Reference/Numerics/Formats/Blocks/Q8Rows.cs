using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>
/// The rows of a <see cref="Q8Matrix"/>. With 128 added a weight is 16 · (high nibble) + (low nibble), and neither can overflow a sum.
/// </summary>
internal readonly unsafe struct Q8Rows(byte* rows, int columns) : IIntegerRows
{
    private readonly nint _rowBytes = (nint)IntegerStep.CountOf(columns) * StepBytes;

    /// <summary>What is added to a weight.</summary>
    internal const int Offset = 128;

    /// <summary>Bytes of a step: its weights, and behind them the scales as float16.</summary>
    internal const int StepBytes = IntegerStep.Columns + IntegerStep.Blocks * sizeof(ushort);

    public static IntegerOrder Order => new(ArePairs: false, Offset, Factor: 1);

    public static int Planes => 2;

    public static int FewTokens => 8;

    public int Columns => columns;

    /// <summary>The last step is stored as a whole one.</summary>
    public bool MayReadBehind(nint row) => true;

    public static TBytes Table<TBytes>() where TBytes : struct, IByteVector<TBytes> => TBytes.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TBytes Sums<TBytes>(TBytes table, nint row, int step, int quarter, sbyte* x) where TBytes : struct, IByteVector<TBytes>
    {
        byte* w = Place(row, step) + 16 * quarter;
        x += 16 * quarter;
        Half(w, x, out TBytes low0, out TBytes high0);
        Half(w + 4 * IntegerStep.GroupBytes, x + 4 * IntegerStep.GroupBytes, out TBytes low1, out TBytes high1);
        return TBytes.Join(TBytes.Add(TBytes.Lanes(high0), TBytes.Lanes(high1)), TBytes.Add(TBytes.Lanes(low0), TBytes.Lanes(low1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scales<TBytes>(nint row, int step, int count, float* scales) where TBytes : struct, IByteVector<TBytes>
    {
        byte* halves = Place(row, step) + IntegerStep.Columns;
        if (TBytes.Quarters == 4)
        {
            // Finite numbers only: the exponent and what is behind it, shifted to where a float32 has them, are the value times 2^−112.
            Vector512<int> bits = Avx512F.ConvertToVector512Int32(Vector256.Load((short*)halves)) << 13
                & Vector512.Create(unchecked((int)0x8FFFFFFF));
            (bits.AsSingle() * Vector512.Create(BitConverter.UInt32BitsToSingle(0x77800000))).Store(scales);
            return;
        }
        for (int lane = 0; lane < IntegerStep.Blocks; lane += 4)
            Float16.Widen4(halves + lane * sizeof(ushort)).Store(scales + lane);
    }

    public void Unpack<TBytes>(nint row, int step, byte* weights, float* scales) where TBytes : struct, IByteVector<TBytes>
    {
        byte* from = Place(row, step);
        for (int at = 0; at < IntegerStep.Columns; at += 16 * TBytes.Quarters)
        {
            TBytes w = TBytes.Load(from + at);
            TBytes.Store(TBytes.LowNibbles(w), weights + at);
            TBytes.Store(TBytes.HighNibbles(w), weights + IntegerStep.Columns + at);
        }
        Scales<TBytes>(row, step, IntegerStep.Blocks, scales);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(nint row, int step)
    {
        if (!Sse.IsSupported)
            return;
        byte* ahead = rows + row * _rowBytes + 4 * step * StepBytes + Formats.Prefetch.Bytes;
        for (int line = 0; line < 4 * StepBytes; line += 64)
            Sse.Prefetch1(ahead + line);
    }

    private byte* Place(nint row, int step) => rows + row * _rowBytes + step * StepBytes;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Half<TBytes>(byte* w, sbyte* x, out TBytes low, out TBytes high) where TBytes : struct, IByteVector<TBytes>
    {
        TBytes a = TBytes.Load(w), b = TBytes.Load(w + IntegerStep.GroupBytes), c = TBytes.Load(w + 2 * IntegerStep.GroupBytes),
            d = TBytes.Load(w + 3 * IntegerStep.GroupBytes), p = TBytes.Load(x), q = TBytes.Load(x + IntegerStep.GroupBytes),
            r = TBytes.Load(x + 2 * IntegerStep.GroupBytes), s = TBytes.Load(x + 3 * IntegerStep.GroupBytes);
        low = TBytes.MultiplyAdd(TBytes.LowNibbles(d), s, TBytes.MultiplyAdd(TBytes.LowNibbles(c), r,
            TBytes.MultiplyAdd(TBytes.LowNibbles(b), q, TBytes.Multiply(TBytes.LowNibbles(a), p))));
        high = TBytes.MultiplyAdd(TBytes.HighNibbles(d), s, TBytes.MultiplyAdd(TBytes.HighNibbles(c), r,
            TBytes.MultiplyAdd(TBytes.HighNibbles(b), q, TBytes.Multiply(TBytes.HighNibbles(a), p))));
    }
}
