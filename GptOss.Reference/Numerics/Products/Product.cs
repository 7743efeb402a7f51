using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>One weight matrix and the activation rows that it meets: entries <see cref="First"/> … + <see cref="Count"/> − 1 of the job's lists.</summary>
internal unsafe struct ProductGroup<TWeights> where TWeights : struct, IWeightRows
{
    internal TWeights Weights;
    internal ushort* Bias;
    internal int First;
    internal int Count;
}

/// <summary>
/// outputs[i][c(r)] = finish(dot(row r, inputs[i]), bias[r]) for every row of every group's matrix and every activation row i of that group.
/// One thread computes a dot product whole, so the result does not depend on how rows are shared out.
/// </summary>
/// <remarks>
/// The work, all groups end to end, is cut into equal parts by cost in quads of rows: with experts that is scheduling by (expert, row
/// range), and an uneven routing idles nobody. One activation row is a matrix–vector product straight from the stored weights; more are a
/// matrix–matrix product over panels that are widened once into the L2 cache.
/// </remarks>
internal unsafe struct ProductJob<TBlock, TVector, TWeights, TProfile> : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TWeights : unmanaged, IWeightRows
    where TProfile : struct, IProfile
{
    /// <summary>Columns of a panel: 736 floats are no power of two, so the rows of a panel do not compete for the same cache sets.</summary>
    private const int PanelColumns = 736;

    /// <summary>Activation rows met at once, and those whose columns stay in the L1 cache while a panel's rows pass by.</summary>
    private const int PanelTokens = 96, TileTokens = 12;

    /// <summary>Weight rows of a panel: 92 KiB that stay in the L2 cache for many tokens; one tile's, 11 KiB in L1, where a single pass of tokens uses it.</summary>
    private const int ManyRows = 32, FewRows = RegisterTile.Rows;

    /// <summary>What reading a quad of rows costs, in units of what one activation row costs: only the balance depends on it.</summary>
    private const int ReadingCost = 3;

    internal ProductGroup<TWeights>* Groups;
    internal int GroupCount;
    internal int Rows;
    internal float** Inputs;
    internal float** Outputs;

    /// <summary>Round the dot product before the bias is added, as the reference's expert products do.</summary>
    internal bool BiasApart;

    /// <summary>Outputs alternate between two halves of the output row: row 2j goes to column j, row 2j + 1 to column j + rows / 2.</summary>
    internal bool Deinterleave;

    public readonly void Execute(int part, int parts)
    {
        int quads = (Rows + 3) / 4;
        long total = 0;
        for (int g = 0; g < GroupCount; g++)
            total += (long)quads * (Groups[g].Count + ReadingCost);
        long begin = total * part / parts, end = total * (part + 1) / parts, at = 0;
        for (int g = 0; g < GroupCount; g++)
        {
            long cost = Groups[g].Count + ReadingCost;
            int firstQuad = QuadAt(begin - at, cost, quads), lastQuad = QuadAt(end - at, cost, quads);
            at += cost * quads;
            if (firstQuad == lastQuad)
                continue;
            if (Groups[g].Count == 1)
                MatrixVector(in Groups[g], firstQuad * 4, Math.Min(lastQuad * 4, Rows));
            else
                MatrixMatrix(in Groups[g], firstQuad * 4, Math.Min(lastQuad * 4, Rows));
        }
    }

    /// <summary>The first quad that starts at or after <paramref name="offset"/>: every quad belongs to exactly one part.</summary>
    private static int QuadAt(long offset, long cost, int quads) => offset <= 0 ? 0 : (int)Math.Min((offset + cost - 1) / cost, quads);

    private readonly void MatrixVector(in ProductGroup<TWeights> group, int begin, int end)
    {
        float* x = Inputs[group.First];
        float* y = Outputs[group.First];
        float* dots = stackalloc float[4];
        int row = begin;
        for (; row + 4 <= end; row += 4)
        {
            group.Weights.Dot4<TBlock>(row, x, dots);
            for (int r = 0; r < 4; r++)
                y[Column(row + r)] = Finish(dots[r], group.Bias, row + r);
        }
        for (; row < end; row++)
            y[Column(row)] = Finish(group.Weights.Dot<TBlock>(row, x), group.Bias, row);
    }

    private readonly void MatrixMatrix(in ProductGroup<TWeights> group, int begin, int end)
    {
        fixed (float* panel = ThreadScratch.Floats(ManyRows * PanelColumns + PanelTokens * ManyRows * 16))
        {
            float* sums = panel + ManyRows * PanelColumns;
            int panelRows = group.Count <= TileTokens ? FewRows : ManyRows;
            for (int token = 0; token < group.Count; token += PanelTokens)
            {
                for (int row = begin; row < end; row += panelRows)
                    Panel(in group, row, Math.Min(panelRows, end - row), group.First + token, Math.Min(PanelTokens, group.Count - token), panel, sums);
            }
        }
    }

    private readonly void Panel(in ProductGroup<TWeights> group, int firstRow, int rows, int firstToken, int tokens, float* panel, float* sums)
    {
        float** x = stackalloc float*[PanelTokens];
        int columns = group.Weights.PaddedColumns, tiledRows = (rows + RegisterTile.Rows - 1) / RegisterTile.Rows * RegisterTile.Rows;
        for (int begin = 0; begin < columns; begin += PanelColumns)
        {
            int width = Math.Min(PanelColumns, columns - begin);
            for (int r = 0; r < rows; r += RegisterTile.Rows)
                group.Weights.Widen4<TBlock>(firstRow + r, Math.Min(RegisterTile.Rows, rows - r), begin, begin + width, rows, panel + r * PanelColumns, PanelColumns);
            for (int r = rows; r < tiledRows; r++)
                new Span<float>(panel + r * PanelColumns, width).Clear();      // a ragged last tile computes rows that nobody reads
            for (int t = 0; t < tokens; t++)
                x[t] = Inputs[firstToken + t] + begin;
            for (int t = 0; t < tokens; t += TileTokens)
            {
                for (int r = 0; r < rows; r += RegisterTile.Rows)
                {
                    RegisterTile.Multiply<TVector>(
                        panel + r * PanelColumns, PanelColumns, x + t, Math.Min(TileTokens, tokens - t), width,
                        sums + (t * tiledRows + r) * 16, tiledRows * 16, begin == 0);
                }
            }
        }
        float* dots = stackalloc float[4];
        for (int t = 0; t < tokens; t++)
        {
            float* y = Outputs[firstToken + t];
            for (int r = 0; r < rows; r += 4)
            {
                float* four = sums + (t * tiledRows + r) * 16;
                TBlock.Reduce4(TBlock.Load(four), TBlock.Load(four + 16), TBlock.Load(four + 32), TBlock.Load(four + 48), dots);
                for (int i = 0; i < Math.Min(4, rows - r); i++)
                    y[Column(firstRow + r + i)] = Finish(dots[i], group.Bias, firstRow + r + i);
            }
        }
    }

    private readonly int Column(int row) => Deinterleave ? row / 2 + (row & 1) * (Rows / 2) : row;

    private readonly float Finish(float dot, ushort* bias, int row)
    {
        if (bias == null)
            return TProfile.Round(dot);
        return TProfile.Round((BiasApart ? TProfile.Round(dot) : dot) + Bfloat16.ToSingle(bias[row]));
    }
}
