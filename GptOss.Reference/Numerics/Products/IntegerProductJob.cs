using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// outputs[i][c(r)] = dot(row r, inputs[i]) + bias[r] for every row of every group's matrix and every activation row i of that group: few
/// activation rows straight from the stored weights, more over rows that are unpacked once.
/// </summary>
internal readonly unsafe struct IntegerProductJob<TBlock, TBytes, TRows>(Product product, TRows weights) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TBytes : struct, IByteVector<TBytes>
    where TRows : unmanaged, IIntegerRows<TRows>
{
    /// <summary>Weight rows of a panel.</summary>
    private const int PanelRows = 16;

    /// <summary>Activation rows of which one step, 10 KiB, stays in the L1 cache while a panel's rows pass by; and their lanes, 16 KiB.</summary>
    private const int PanelTokens = 16;

    /// <summary>Weight rows that are read side by side, and floats of their lanes with one activation row.</summary>
    private const int Unit = IntegerTile<TBytes, TRows>.Rows, LaneFloats = Unit * IntegerStep.Blocks;

    /// <summary>Activation rows that few tokens meet at once.</summary>
    private const int FewAtOnce = IntegerStrip<TBytes, TRows>.MostTokens;

    private int Steps => IntegerStep.CountOf(weights.Columns);

    public void Execute(int part, int parts)
    {
        foreach ((int g, int begin, int end) in new ProductShare(product, part, parts))
        {
            ProductGroup group = product.Groups[g];
            int done = group.Count <= TRows.FewTokens ? FewTokens(group, begin, end) : begin;
            if (done < end)
                MatrixMatrix(group, done, end);
        }
    }

    /// <summary>The rows that may be read as they are; returns where they end.</summary>
    private int FewTokens(ProductGroup group, int begin, int end)
    {
        float* lanes = stackalloc float[FewAtOnce * LaneFloats];
        int row = begin;
        for (; row + Unit <= end && weights.MayReadBehind(group.FirstRow + row + Unit - 1); row += Unit)
        {
            for (int t = 0, take; t < group.Count; t += take)
            {
                take = RegisterTile.Portion(group.Count - t, FewAtOnce);
                new Span<float>(lanes, take * LaneFloats).Clear();
                IntegerStrip<TBytes, TRows>.Multiply(weights, group.FirstRow + row, product.Inputs + group.First + t, take, lanes);
                Finish(group, row, Unit, t, take, lanes);
            }
        }
        return row;
    }

    private void MatrixMatrix(ProductGroup group, int begin, int end)
    {
        // Several portions of activation rows need all steps again; one needs each step once, so that it stays in the L1 cache.
        int stepBytes = IntegerTile<TBytes, TRows>.StepBytes, panelSteps = group.Count > PanelTokens ? Steps : 1;
        const int laneFloats = PanelRows * PanelTokens * IntegerStep.Blocks;
        fixed (float* lanes = ThreadScratch.Floats(laneFloats + panelSteps * PanelRows * stepBytes / sizeof(float)))
        {
            byte* panel = (byte*)(lanes + laneFloats);
            for (int first = begin; first < end; first += PanelRows)
            {
                int rows = Math.Min(PanelRows, end - first), units = (rows + Unit - 1) / Unit;
                for (int t = 0, take; t < group.Count; t += take)
                {
                    take = RegisterTile.Portion(group.Count - t, PanelTokens);
                    new Span<float>(lanes, units * take * LaneFloats).Clear();
                    for (int step = 0; step < Steps; step++)
                    {
                        byte* here = panel + (panelSteps == 1 ? 0 : step) * PanelRows * stepBytes;
                        if (t == 0)
                            Unpack(weights, group.FirstRow + first, rows, step, here);
                        AddStep(here, units, product.Inputs + group.First + t, step, take, lanes);
                    }
                    for (int unit = 0; unit < units; unit++)
                        Finish(group, first + unit * Unit, Math.Min(Unit, rows - unit * Unit), t, take, lanes + unit * take * LaneFloats);
                }
            }
        }
    }

    /// <summary>A step of a panel's rows with some activation rows.</summary>
    private static void AddStep(byte* panel, int units, float** x, int step, int tokens, float* lanes)
    {
        for (int unit = 0; unit < units; unit++, panel += Unit * IntegerTile<TBytes, TRows>.StepBytes)
        {
            for (int t = 0, take; t < tokens; t += take, lanes += take * LaneFloats)
            {
                take = RegisterTile.Portion(tokens - t, IntegerTile<TBytes, TRows>.MostTokens);
                IntegerTile<TBytes, TRows>.Multiply(panel, x + t, step, take, lanes);
            }
        }
    }

    /// <summary>Unpacks a step of rows; those that are missing of the last four are the last one.</summary>
    private static void Unpack(TRows weights, nint first, int rows, int step, byte* panel)
    {
        TBytes table = TRows.Table<TBytes>();
        int blocks = IntegerStep.BlocksOf(weights.Columns, step), whole = (rows + Unit - 1) / Unit * Unit;
        for (int r = 0; r < whole; r++, panel += IntegerTile<TBytes, TRows>.StepBytes)
        {
            nint row = first + Math.Min(r, rows - 1);
            if (r % Unit == 0)
                weights.Prefetch(row, step);
            if (blocks == IntegerStep.Blocks || weights.MayReadBehind(row))
                Unpack(weights, table, row, step, blocks, panel);
            else
                UnpackCopy(weights, table, row, step, blocks, panel);
        }
    }

    private static void UnpackCopy(TRows weights, TBytes table, nint row, int step, int blocks, byte* panel)
    {
        byte* copy = stackalloc byte[IntegerStep.Columns];
        Unpack(weights.Copy(row, step, blocks, copy), table, 0, 0, blocks, panel);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Unpack(TRows rows, TBytes table, nint row, int step, int blocks, byte* target)
    {
        rows.Scales<TBytes>(row, step, blocks, (float*)(target + IntegerTile<TBytes, TRows>.ScalesAt));
        for (int plane = 0; plane < TRows.Planes; plane++, target += IntegerStep.Columns)
        {
            for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters)
            {
                rows.Load(row, step, plane, quarter, out TBytes k0, out TBytes k1, out TBytes k2, out TBytes k3);
                byte* to = target + 16 * quarter;
                Store(table, k0, to);
                Store(table, k1, to + 2 * IntegerStep.GroupBytes);
                Store(table, k2, to + 4 * IntegerStep.GroupBytes);
                Store(table, k3, to + 6 * IntegerStep.GroupBytes);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TBytes table, TBytes nibbles, byte* target)
    {
        TBytes.Store(TRows.Bytes(table, TBytes.LowNibbles(nibbles)), target);
        TBytes.Store(TRows.Bytes(table, TBytes.HighNibbles(nibbles)), target + IntegerStep.GroupBytes);
    }

    /// <summary>Dot products of four rows from their lanes; of fewer than four rows the others' sums are not kept.</summary>
    private void Finish(ProductGroup group, int row, int rows, int firstToken, int tokens, float* lanes)
    {
        float* dots = stackalloc float[Unit], bias = stackalloc float[Unit];
        int* columns = stackalloc int[Unit];
        for (int i = 0; i < Unit; i++)
        {
            columns[i] = product.Column(row + Math.Min(i, rows - 1));
            bias[i] = product.Bias.IsNull ? 0 : product.Bias[group.FirstRow + row + Math.Min(i, rows - 1)];
        }
        float** outputs = product.Outputs + group.First + firstToken;
        bool biased = !product.Bias.IsNull, side = rows == Unit && !product.Deinterleave;
        for (int t = 0; t < tokens; t++, lanes += LaneFloats)
        {
            float* y = outputs[t];
            TBlock.Reduce4(TBlock.Load(lanes), TBlock.Load(lanes + 16), TBlock.Load(lanes + 32), TBlock.Load(lanes + 48), dots);
            Vector128<float> four = biased ? Vector128.Load(dots) + Vector128.Load(bias) : Vector128.Load(dots);
            if (side)
            {
                four.Store(y + row);
                continue;
            }
            four.Store(dots);
            for (int i = 0; i < rows; i++)
                y[columns[i]] = dots[i];
        }
    }
}
