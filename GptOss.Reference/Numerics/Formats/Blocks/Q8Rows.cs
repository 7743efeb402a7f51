using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>
/// The rows of a <see cref="Q8Matrix"/>. With 128 added a weight is 16 · (high nibble) + (low nibble), and neither can overflow a sum.
/// </summary>
internal readonly unsafe struct Q8Rows(byte* rows, int columns) : IIntegerRows<Q8Rows>
{
    private readonly nint _rowBytes = (nint)IntegerStep.CountOf(columns) * StepBytes;

    /// <summary>What is added to a weight: 8 to its high nibble.</summary>
    internal const int Offset = 128;

    /// <summary>Bytes of a plane: the low nibbles of a step, or the high ones.</summary>
    internal const int PlaneBytes = IntegerStep.Columns / 2;

    /// <summary>Bytes of a step: its planes, and behind them the scales as float16.</summary>
    internal const int StepBytes = IntegerStep.Columns + IntegerStep.Blocks * sizeof(ushort);

    public static IntegerOrder Order => new(ArePairs: false, Offset / 16, Factor: 1);

    public static int Planes => 2;

    public static int FewTokens => 8;

    public int Columns => columns;

    /// <summary>The last step is stored as a whole one.</summary>
    public bool MayReadBehind(nint row) => true;

    public static TBytes Table<TBytes>() where TBytes : struct, IByteVector<TBytes> => TBytes.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TBytes Bytes<TBytes>(TBytes table, TBytes nibbles) where TBytes : struct, IByteVector<TBytes> => nibbles;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Load<TBytes>(nint row, int step, int plane, int quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3)
        where TBytes : struct, IByteVector<TBytes>
    {
        byte* w = Place(row, step) + plane * PlaneBytes + 16 * quarter;
        (k0, k1) = (TBytes.Load(w), TBytes.Load(w + IntegerStep.GroupBytes));
        (k2, k3) = (TBytes.Load(w + 2 * IntegerStep.GroupBytes), TBytes.Load(w + 3 * IntegerStep.GroupBytes));
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

    public Q8Rows Copy(nint row, int step, int count, byte* memory) => new(Place(row, step), columns);

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
}
