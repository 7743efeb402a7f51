using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// outputs[i][c(r)] = finish(dot(row r, inputs[i]), bias[r]) for every row of every group's matrix and every activation row i of that group.
/// One thread computes a dot product whole, so the result does not depend on how rows are divided.
/// </summary>
/// <remarks>
/// One activation row is a matrix–vector product straight from the stored weights; more are a matrix–matrix product over panels that are widened once
/// into the L2 cache.
/// </remarks>
internal readonly unsafe struct ProductJob<TBlock, TVector, TWeights, TProfile>(Product product, TWeights weights) : IJob
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TWeights : unmanaged, IWeightRows
    where TProfile : struct, IProfile
{
    /// <summary>Columns of a panel: 736 is not a power of two, so the rows of a panel do not compete for the same cache sets.</summary>
    private const int PanelColumns = 736;

    /// <summary>Activation rows of a panel, and how many of them stay in the L1 cache while the panel's weight rows stream past.</summary>
    private const int PanelTokens = 96, TileTokens = 12;

    /// <summary>
    /// Weight rows of a panel: for many tokens 92 KiB, which stay in the L2 cache; for few, which use it once, the 11 KiB of one tile, in L1.
    /// </summary>
    private const int ManyRows = 32, FewRows = RegisterTile.Rows;

    public void Execute(int part, int parts)
    {
        foreach ((int g, int begin, int end) in new ProductShare(product, part, parts))
        {
            if (product.Groups[g].Count == 1)
                MatrixVector(product.Groups[g], begin, end);
            else
                MatrixMatrix(product.Groups[g], begin, end);
        }
    }

    private void MatrixVector(ProductGroup group, int begin, int end)
    {
        float* x = product.Inputs[group.First];
        float* y = product.Outputs[group.First];
        float* dots = stackalloc float[4];
        int row = begin;
        for (; row + 4 <= end; row += 4)
        {
            weights.Dot4<TBlock>(group.FirstRow + row, x, dots);
            for (int r = 0; r < 4; r++)
                y[product.Column(row + r)] = Finish(dots[r], group.FirstRow + row + r);
        }
        for (; row < end; row++)
            y[product.Column(row)] = Finish(weights.Dot<TBlock>(group.FirstRow + row, x), group.FirstRow + row);
    }

    private void MatrixMatrix(ProductGroup group, int begin, int end)
    {
        fixed (float* panel = ThreadScratch.Floats(ManyRows * PanelColumns + PanelTokens * ManyRows * 16))
        {
            float* sums = panel + ManyRows * PanelColumns;
            int panelRows = group.Count <= TileTokens ? FewRows : ManyRows;
            for (int token = 0; token < group.Count; token += PanelTokens)
            {
                for (int row = begin; row < end; row += panelRows)
                    Panel(group, row, Math.Min(panelRows, end - row), group.First + token, Math.Min(PanelTokens, group.Count - token), panel, sums);
            }
        }
    }

    private void Panel(ProductGroup group, int firstRow, int rows, int firstToken, int tokens, float* panel, float* sums)
    {
        float** x = stackalloc float*[PanelTokens];
        int columns = weights.PaddedColumns, tiledRows = (rows + RegisterTile.Rows - 1) / RegisterTile.Rows * RegisterTile.Rows;
        for (int begin = 0; begin < columns; begin += PanelColumns)
        {
            int width = Math.Min(PanelColumns, columns - begin);
            for (int r = 0; r < rows; r += RegisterTile.Rows)
            {
                weights.Widen4<TBlock>(group.FirstRow + firstRow + r, Math.Min(RegisterTile.Rows, rows - r), begin, begin + width, rows,
                    panel + r * PanelColumns, PanelColumns);
            }
            for (int r = rows; r < tiledRows; r++)
                new Span<float>(panel + r * PanelColumns, width).Clear();      // a partial last tile computes rows that are not read
            for (int t = 0; t < tokens; t++)
                x[t] = product.Inputs[firstToken + t] + begin;
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
            float* y = product.Outputs[firstToken + t];
            for (int r = 0; r < rows; r += 4)
            {
                float* four = sums + (t * tiledRows + r) * 16;
                TBlock.Reduce4(TBlock.Load(four), TBlock.Load(four + 16), TBlock.Load(four + 32), TBlock.Load(four + 48), dots);
                for (int i = 0; i < Math.Min(4, rows - r); i++)
                    y[product.Column(firstRow + r + i)] = Finish(dots[i], group.FirstRow + firstRow + r + i);
            }
        }
    }

    /// <param name="dot">The dot product.</param>
    /// <param name="row">Its row among those of all matrices.</param>
    private float Finish(float dot, nint row)
    {
        if (product.Bias.IsNull)
            return TProfile.Round(dot);
        return TProfile.Round((product.BiasApart ? TProfile.Round(dot) : dot) + product.Bias[row]);
    }
}
