using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// Products of one step of four unpacked weight rows with up to four activation rows: a byte that is loaded meets up to four others, and sums stay in
/// registers over the step. The lanes of the dot products wait in memory for the next step.
/// </summary>
internal static unsafe class IntegerTile<TBytes, TRows> where TBytes : struct, IByteVector<TBytes> where TRows : unmanaged, IIntegerRows<TRows>
{
    /// <summary>Weight rows of a tile.</summary>
    internal const int Rows = 4;

    /// <summary>Floats of the lanes of one activation row with the weight rows.</summary>
    internal const int LaneFloats = Rows * IntegerStep.Blocks;

    private const int Columns = IntegerStep.Columns, Group = IntegerStep.GroupBytes, Lanes = IntegerStep.Blocks;

    /// <summary>Where an unpacked step has its scales: behind its planes.</summary>
    internal static int ScalesAt { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => TRows.Planes * Columns; }

    /// <summary>Bytes of an unpacked step.</summary>
    internal static int StepBytes { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => TRows.Planes * Columns + Lanes * sizeof(float); }

    /// <summary>Activation rows of a tile: what the registers hold the sums of.</summary>
    internal static int MostTokens => TBytes.Registers < 32 || TRows.Planes == 2 ? 2 : 4;

    /// <summary>Adds the products of a step to the lanes [token][row][lane].</summary>
    /// <param name="w">The step of the first row; those of the others follow it.</param>
    /// <param name="x">The activation rows.</param>
    /// <param name="step">Which of their steps it meets.</param>
    /// <param name="tokens">At most <see cref="MostTokens"/>.</param>
    /// <param name="lanes">Sums so far.</param>
    internal static void Multiply(byte* w, float** x, int step, int tokens, float* lanes)
    {
        nint at = (nint)step * sizeof(IntegerStep);
        switch (tokens)
        {
            case 4:
                Tile4((byte*)x[0] + at, (byte*)x[1] + at, (byte*)x[2] + at, (byte*)x[3] + at, w, lanes);
                break;
            case 3:
                Tile3((byte*)x[0] + at, (byte*)x[1] + at, (byte*)x[2] + at, w, lanes);
                break;
            case 2:
                Tile2((byte*)x[0] + at, (byte*)x[1] + at, w, lanes);
                break;
            default:
                Tile1((byte*)x[0] + at, w, lanes);
                break;
        }
    }

    private static void Tile4(byte* x0, byte* x1, byte* x2, byte* x3, byte* w, float* lanes)
    {
        for (nint q = 0; q < Group; q += 16 * TBytes.Quarters)
        {
            Column c0 = Column.Begin(x0 + q), c1 = Column.Begin(x1 + q), c2 = Column.Begin(x2 + q), c3 = Column.Begin(x3 + q);
            for (nint g = q; g < Columns; g += Group)
            {
                Four four = new(w + g);
                c0.Add(four, TBytes.Load(x0 + g));
                c1.Add(four, TBytes.Load(x1 + g));
                c2.Add(four, TBytes.Load(x2 + g));
                c3.Add(four, TBytes.Load(x3 + g));
            }
            Four scales = new(w + ScalesAt + q);
            c0.Finish(scales, x0 + q, lanes + q / sizeof(float));
            c1.Finish(scales, x1 + q, lanes + q / sizeof(float) + LaneFloats);
            c2.Finish(scales, x2 + q, lanes + q / sizeof(float) + 2 * LaneFloats);
            c3.Finish(scales, x3 + q, lanes + q / sizeof(float) + 3 * LaneFloats);
        }
    }

    private static void Tile3(byte* x0, byte* x1, byte* x2, byte* w, float* lanes)
    {
        for (nint q = 0; q < Group; q += 16 * TBytes.Quarters)
        {
            Column c0 = Column.Begin(x0 + q), c1 = Column.Begin(x1 + q), c2 = Column.Begin(x2 + q);
            for (nint g = q; g < Columns; g += Group)
            {
                Four four = new(w + g);
                c0.Add(four, TBytes.Load(x0 + g));
                c1.Add(four, TBytes.Load(x1 + g));
                c2.Add(four, TBytes.Load(x2 + g));
            }
            Four scales = new(w + ScalesAt + q);
            c0.Finish(scales, x0 + q, lanes + q / sizeof(float));
            c1.Finish(scales, x1 + q, lanes + q / sizeof(float) + LaneFloats);
            c2.Finish(scales, x2 + q, lanes + q / sizeof(float) + 2 * LaneFloats);
        }
    }

    private static void Tile2(byte* x0, byte* x1, byte* w, float* lanes)
    {
        for (nint q = 0; q < Group; q += 16 * TBytes.Quarters)
        {
            Column h0 = default, h1 = default, c0 = Column.Begin(x0 + q), c1 = Column.Begin(x1 + q);
            if (TRows.Planes == 2)
            {
                Plane2(x0 + q, x1 + q, w + Columns + q, ref c0, ref c1);
                (h0, h1, c0, c1) = (c0, c1, default, default);
            }
            Plane2(x0 + q, x1 + q, w + q, ref c0, ref c1);
            Four scales = new(w + ScalesAt + q);
            c0.Finish(h0, scales, x0 + q, lanes + q / sizeof(float));
            c1.Finish(h1, scales, x1 + q, lanes + q / sizeof(float) + LaneFloats);
        }
    }

    private static void Tile1(byte* x0, byte* w, float* lanes)
    {
        for (nint q = 0; q < Group; q += 16 * TBytes.Quarters)
        {
            Column h0 = default, c0 = Column.Begin(x0 + q);
            if (TRows.Planes == 2)
            {
                Plane1(x0 + q, w + Columns + q, ref c0);
                (h0, c0) = (c0, default);
            }
            Plane1(x0 + q, w + q, ref c0);
            c0.Finish(h0, new(w + ScalesAt + q), x0 + q, lanes + q / sizeof(float));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Plane2(byte* x0, byte* x1, byte* w, ref Column c0, ref Column c1)
    {
        for (nint g = 0; g < Columns; g += Group)
        {
            Four four = new(w + g);
            c0.Add(four, TBytes.Load(x0 + g));
            c1.Add(four, TBytes.Load(x1 + g));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Plane1(byte* x0, byte* w, ref Column c0)
    {
        for (nint g = 0; g < Columns; g += Group)
            c0.Add(new(w + g), TBytes.Load(x0 + g));
    }

    /// <summary>The same bytes of a step of four weight rows.</summary>
    [method: MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly struct Four(byte* w)
    {
        internal readonly TBytes W0 = TBytes.Load(w), W1 = TBytes.Load(w + StepBytes), W2 = TBytes.Load(w + 2 * StepBytes),
            W3 = TBytes.Load(w + 3 * StepBytes);
    }

    /// <summary>The sums of one activation row with four weight rows.</summary>
    private struct Column
    {
        private TBytes _s0, _s1, _s2, _s3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static Column Begin(byte* x)
        {
            var begin = TBytes.Begin(x + IntegerStep.BeginAt);
            return new() { _s0 = begin, _s1 = begin, _s2 = begin, _s3 = begin };
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Add(Four w, TBytes x)
        {
            TBytes.MultiplyAdd(w.W0, w.W1, x, ref _s0, ref _s1);
            TBytes.MultiplyAdd(w.W2, w.W3, x, ref _s2, ref _s3);
        }

        /// <summary>Adds them to their lanes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal readonly void Finish(Four scales, byte* x, float* lanes)
        {
            var d = TBytes.Load(x + IntegerStep.ScalesAt);
            Add(TBytes.Lanes(_s0), scales.W0, d, lanes);
            Add(TBytes.Lanes(_s1), scales.W1, d, lanes + Lanes);
            Add(TBytes.Lanes(_s2), scales.W2, d, lanes + 2 * Lanes);
            Add(TBytes.Lanes(_s3), scales.W3, d, lanes + 3 * Lanes);
        }

        /// <summary>The same with the sums of the high nibbles, where there are two planes.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal readonly void Finish(Column high, Four scales, byte* x, float* lanes)
        {
            if (TRows.Planes == 1)
            {
                Finish(scales, x, lanes);
                return;
            }
            var d = TBytes.Load(x + IntegerStep.ScalesAt);
            Add(TBytes.Join(high._s0, _s0), scales.W0, d, lanes);
            Add(TBytes.Join(high._s1, _s1), scales.W1, d, lanes + Lanes);
            Add(TBytes.Join(high._s2, _s2), scales.W2, d, lanes + 2 * Lanes);
            Add(TBytes.Join(high._s3, _s3), scales.W3, d, lanes + 3 * Lanes);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add(TBytes sums, TBytes w, TBytes x, float* lanes) =>
            TBytes.Store(TBytes.AddScaled(TBytes.Load(lanes), sums, w, x), (byte*)lanes);
    }
}
