using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// Products of four stored weight rows with a few activation rows: weights become bytes in registers, once for all activation rows, and are not kept.
/// </summary>
internal static unsafe class IntegerStrip<TBytes, TRows> where TBytes : struct, IByteVector<TBytes> where TRows : unmanaged, IIntegerRows<TRows>
{
    /// <summary>Weight rows, and activation rows of one call.</summary>
    internal const int Rows = 4, MostTokens = 3;

    private const int Group = IntegerStep.GroupBytes, Lanes = IntegerStep.Blocks;

    /// <summary>Adds the products to the lanes [token][row][lane]. The last row may be read as whole steps.</summary>
    internal static void Multiply(TRows rows, nint row, float** x, int tokens, float* lanes)
    {
        switch (tokens)
        {
            case 3:
                Strip3(rows, row, (byte*)x[0], (byte*)x[1], (byte*)x[2], lanes);
                break;
            case 2:
                Strip2(rows, row, (byte*)x[0], (byte*)x[1], lanes);
                break;
            default:
                Strip1(rows, row, (byte*)x[0], lanes);
                break;
        }
    }

    private static void Strip3(TRows rows, nint row, byte* x0, byte* x1, byte* x2, float* lanes)
    {
        float* scales = stackalloc float[Lanes];
        int steps = IntegerStep.CountOf(rows.Columns);
        TBytes table = TRows.Table<TBytes>();
        for (int step = 0; step < steps; step++)
        {
            rows.Prefetch(row, step);
            for (int r = 0; r < Rows; r++)
            {
                rows.Scales<TBytes>(row + r, step, IntegerStep.BlocksOf(rows.Columns, step), scales);
                for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters)
                {
                    nint q = 16 * quarter;
                    TBytes h0 = default, h1 = default, h2 = default;
                    TBytes s0 = Begin(x0 + q), s1 = Begin(x1 + q), s2 = Begin(x2 + q);
                    for (int plane = TRows.Planes - 1; plane >= 0; plane--)
                    {
                        rows.Load(row + r, step, plane, quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3);
                        Pair pair = new(table, k0);
                        (s0, s1, s2) = (pair.Add(x0 + q, s0), pair.Add(x1 + q, s1), pair.Add(x2 + q, s2));
                        pair = new(table, k1);
                        (s0, s1, s2) = (pair.Add(x0 + q + 2 * Group, s0), pair.Add(x1 + q + 2 * Group, s1), pair.Add(x2 + q + 2 * Group, s2));
                        pair = new(table, k2);
                        (s0, s1, s2) = (pair.Add(x0 + q + 4 * Group, s0), pair.Add(x1 + q + 4 * Group, s1), pair.Add(x2 + q + 4 * Group, s2));
                        pair = new(table, k3);
                        (s0, s1, s2) = (pair.Add(x0 + q + 6 * Group, s0), pair.Add(x1 + q + 6 * Group, s1), pair.Add(x2 + q + 6 * Group, s2));
                        if (plane == 1)
                            (h0, h1, h2, s0, s1, s2) = (s0, s1, s2, default, default, default);
                    }
                    var w = TBytes.Load(scales + 4 * quarter);
                    float* here = lanes + r * Lanes + 4 * quarter;
                    Finish(h0, s0, w, x0 + q, here);
                    Finish(h1, s1, w, x1 + q, here + Rows * Lanes);
                    Finish(h2, s2, w, x2 + q, here + 2 * Rows * Lanes);
                }
            }
            x0 += sizeof(IntegerStep);
            x1 += sizeof(IntegerStep);
            x2 += sizeof(IntegerStep);
        }
    }

    private static void Strip2(TRows rows, nint row, byte* x0, byte* x1, float* lanes)
    {
        float* scales = stackalloc float[Lanes];
        int steps = IntegerStep.CountOf(rows.Columns);
        TBytes table = TRows.Table<TBytes>();
        for (int step = 0; step < steps; step++)
        {
            rows.Prefetch(row, step);
            for (int r = 0; r < Rows; r++)
            {
                rows.Scales<TBytes>(row + r, step, IntegerStep.BlocksOf(rows.Columns, step), scales);
                for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters)
                {
                    nint q = 16 * quarter;
                    TBytes h0 = default, h1 = default, s0 = Begin(x0 + q), s1 = Begin(x1 + q);
                    for (int plane = TRows.Planes - 1; plane >= 0; plane--)
                    {
                        rows.Load(row + r, step, plane, quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3);
                        Pair pair = new(table, k0);
                        (s0, s1) = (pair.Add(x0 + q, s0), pair.Add(x1 + q, s1));
                        pair = new(table, k1);
                        (s0, s1) = (pair.Add(x0 + q + 2 * Group, s0), pair.Add(x1 + q + 2 * Group, s1));
                        pair = new(table, k2);
                        (s0, s1) = (pair.Add(x0 + q + 4 * Group, s0), pair.Add(x1 + q + 4 * Group, s1));
                        pair = new(table, k3);
                        (s0, s1) = (pair.Add(x0 + q + 6 * Group, s0), pair.Add(x1 + q + 6 * Group, s1));
                        if (plane == 1)
                            (h0, h1, s0, s1) = (s0, s1, default, default);
                    }
                    var w = TBytes.Load(scales + 4 * quarter);
                    float* here = lanes + r * Lanes + 4 * quarter;
                    Finish(h0, s0, w, x0 + q, here);
                    Finish(h1, s1, w, x1 + q, here + Rows * Lanes);
                }
            }
            x0 += sizeof(IntegerStep);
            x1 += sizeof(IntegerStep);
        }
    }

    private static void Strip1(TRows rows, nint row, byte* x0, float* lanes)
    {
        float* scales = stackalloc float[Lanes];
        int steps = IntegerStep.CountOf(rows.Columns);
        TBytes table = TRows.Table<TBytes>();
        for (int step = 0; step < steps; step++, x0 += sizeof(IntegerStep))
        {
            rows.Prefetch(row, step);
            for (int r = 0; r < Rows; r++)
            {
                rows.Scales<TBytes>(row + r, step, IntegerStep.BlocksOf(rows.Columns, step), scales);
                for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters)
                {
                    nint q = 16 * quarter;
                    TBytes h0 = default, s0 = Begin(x0 + q);
                    for (int plane = TRows.Planes - 1; plane >= 0; plane--)
                    {
                        rows.Load(row + r, step, plane, quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3);
                        s0 = new Pair(table, k1).Add(x0 + q + 2 * Group, new Pair(table, k0).Add(x0 + q, s0));
                        s0 = new Pair(table, k3).Add(x0 + q + 6 * Group, new Pair(table, k2).Add(x0 + q + 4 * Group, s0));
                        if (plane == 1)
                            (h0, s0) = (s0, default);
                    }
                    Finish(h0, s0, TBytes.Load(scales + 4 * quarter), x0 + q, lanes + r * Lanes + 4 * quarter);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TBytes Begin(byte* x) => TBytes.Begin(x + IntegerStep.BeginAt);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(TBytes high, TBytes low, TBytes w, byte* x, float* lanes)
    {
        TBytes sums = TRows.Planes == 1 ? TBytes.Lanes(low) : TBytes.Join(high, low);
        TBytes.Store(TBytes.AddScaled(TBytes.Load(lanes), sums, w, TBytes.Load(x + IntegerStep.ScalesAt)), (byte*)lanes);
    }

    /// <summary>The bytes of two groups.</summary>
    [method: MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly struct Pair(TBytes table, TBytes nibbles)
    {
        private readonly TBytes _first = TRows.Bytes(table, TBytes.LowNibbles(nibbles)), _second = TRows.Bytes(table, TBytes.HighNibbles(nibbles));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal TBytes Add(byte* x, TBytes sums) => TBytes.MultiplyAdd(_first, TBytes.Load(x), _second, TBytes.Load(x + Group), sums);
    }
}
