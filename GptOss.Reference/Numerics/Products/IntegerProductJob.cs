using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// outputs[i][c(r)] = dot(row r, inputs[i]) + bias[r] for every row of every group's matrix and every activation row i of that group: few
/// activation rows straight from the stored weights, more over rows that are unpacked once.
/// </summary>
internal readonly unsafe struct IntegerProductJob<TBlock, TBytes, TRows>(Product product, TRows weights) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TBytes : struct, IByteVector<TBytes>
    where TRows : unmanaged, IIntegerRows
{
    /// <summary>Weight rows of a panel: 54 KiB of MXFP4 at a width of 2880, in the L2 cache.</summary>
    private const int PanelRows = 16;

    /// <summary>Activation rows that stay in the L1 cache while a panel's rows pass by, 15 KiB at that width.</summary>
    private const int TileTokens = 4;

    /// <summary>Weight rows that are read side by side, and lanes of a dot product.</summary>
    private const int Unit = 4, Lanes = IntegerStep.Blocks;

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
        float* dots = stackalloc float[Unit], lanes = stackalloc float[Unit * Lanes];
        int row = begin;
        for (; row + Unit <= end && weights.MayReadBehind(group.FirstRow + row + Unit - 1); row += Unit)
        {
            for (int t = group.First; t < group.First + group.Count; t++)
            {
                new Span<float>(lanes, Unit * Lanes).Clear();
                AddRows(group.FirstRow + row, (IntegerStep*)product.Inputs[t], lanes);
                Reduce(lanes, dots);
                Finish(group, row, Unit, dots, product.Outputs[t]);
            }
        }
        return row;
    }

    private void AddRows(nint row, IntegerStep* x, float* lanes)
    {
        float* scales = stackalloc float[Lanes];
        int steps = Steps, last = weights.Columns / IntegerStep.BlockColumns - (steps - 1) * IntegerStep.Blocks;
        TBytes table = TRows.Table<TBytes>();
        for (int step = 0; step < steps; step++, x++)
        {
            weights.Prefetch(row, step);
            int blocks = step < steps - 1 ? IntegerStep.Blocks : last;
            for (int r = 0; r < Unit; r++)
            {
                weights.Scales<TBytes>(row + r, step, blocks, scales);
                for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters)
                {
                    TBytes sums = TBytes.Subtract(weights.Sums(table, row + r, step, quarter, x->Codes), TBytes.Load(x->Excess + 4 * quarter));
                    float* here = lanes + r * Lanes + 4 * quarter;
                    TBytes.Store(TBytes.AddScaled(TBytes.Load(here), sums, TBytes.Load(scales + 4 * quarter), TBytes.Load(x->Scales + 4 * quarter)),
                        (byte*)here);
                }
            }
        }
    }

    private void MatrixMatrix(ProductGroup group, int begin, int end)
    {
        int steps = Steps, rowBytes = steps * IntegerTile<TBytes, TRows>.StepBytes;
        fixed (float* scratch = ThreadScratch.Floats(PanelRows * rowBytes / sizeof(float)))
        {
            byte* panel = (byte*)scratch;
            for (int first = begin; first < end; first += PanelRows)
            {
                int rows = Math.Min(PanelRows, end - first);
                for (int i = 0; i < rows * steps; i++)
                {
                    if (i / steps % Unit == 0)
                        weights.Prefetch(group.FirstRow + first + i / steps, i % steps);
                    byte* step = panel + i * IntegerTile<TBytes, TRows>.StepBytes;
                    weights.Unpack<TBytes>(group.FirstRow + first + i / steps, i % steps, step, (float*)(step + IntegerTile<TBytes, TRows>.ScalesAt));
                }
                for (int t = 0; t < group.Count; t += TileTokens)
                {
                    for (int r = 0; r < rows; r += 2)
                        Pairs(group, t, Math.Min(TileTokens, group.Count - t), panel + r * rowBytes, first + r, Math.Min(2, rows - r));
                }
            }
        }
    }

    private void Pairs(ProductGroup group, int token, int tokens, byte* w, int row, int rows)
    {
        float* dots = stackalloc float[Unit], lanes = stackalloc float[Unit * Lanes];
        int steps = Steps;
        for (int t = token; t < token + tokens; t += 2)
        {
            // A row or an activation row without a neighbour is its own; what comes of that is not kept.
            int both = Math.Min(2, token + tokens - t);
            IntegerStep* x0 = (IntegerStep*)product.Inputs[group.First + t], x1 = (IntegerStep*)product.Inputs[group.First + t + both - 1];
            IntegerTile<TBytes, TRows>.Multiply(w, w + (rows - 1) * steps * IntegerTile<TBytes, TRows>.StepBytes, x0, x1, steps, lanes);
            Reduce(lanes, dots);
            Finish(group, row, rows, dots, product.Outputs[group.First + t]);
            if (both == 2)
                Finish(group, row, rows, dots + 2, product.Outputs[group.First + t + 1]);
        }
    }

    private static void Reduce(float* lanes, float* dots) => TBlock.Reduce4(
        TBlock.Load(lanes), TBlock.Load(lanes + Lanes), TBlock.Load(lanes + 2 * Lanes), TBlock.Load(lanes + 3 * Lanes), dots);

    private void Finish(ProductGroup group, int row, int rows, float* dots, float* y)
    {
        for (int i = 0; i < rows; i++)
            y[product.Column(row + i)] = product.Bias.IsNull ? dots[i] : dots[i] + product.Bias[group.FirstRow + row + i];
    }
}
