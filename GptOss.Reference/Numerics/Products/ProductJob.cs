using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// outputs[i][c(r)] = finish(dot(row r, inputs[i]), bias[r]) for every row of every group's matrix and every activation row i of that group.
/// One thread computes a dot product whole, so the result does not depend on how rows are divided.
/// </summary>
/// <remarks>
/// One activation row is a matrix–vector product. More meet four weight rows at a time in tiles: straight from the stored weights where the format
/// has such loops at this width, else over panels of weights that are widened once.
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
                int tokens = Math.Min(PanelTokens, group.Count - token);
                for (int row = begin; row < end; row += panelRows)
                {
                    int rows = Math.Min(panelRows, end - row);
                    if (!TryStored(group, row, rows, group.First + token, tokens, sums))
                        Panel(group, row, rows, group.First + token, tokens, panel, sums);
                }
            }
        }
    }

    /// <summary>
    /// Whole rows, since a tile's loop takes a while to start; a block of them stays in the L2 cache while the activation rows pass by.
    /// </summary>
    private bool TryStored(ProductGroup group, int firstRow, int rows, int firstToken, int tokens, float* sums)
    {
        if (rows % RegisterTile.Rows != 0)
            return false;
        for (int t = 0, take; t < tokens; t += take)
        {
            take = RegisterTile.Portion(tokens - t, TileTokens);
            for (int r = 0; r < rows; r += RegisterTile.Rows)
            {
                if (!weights.TryMultiply4<TVector>(group.FirstRow + firstRow + r, product.Inputs + firstToken + t, take, sums))
                    return false;
                Finish4(group, firstRow + r, RegisterTile.Rows, firstToken + t, take, sums, RegisterTile.Rows * 16);
            }
        }
        return true;
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
                    RegisterTile.Multiply<TVector, PanelRows>(
                        new(panel + r * PanelColumns, PanelColumns), x + t, Math.Min(TileTokens, tokens - t), width,
                        sums + (t * tiledRows + r) * 16, tiledRows * 16, begin == 0);
                }
            }
        }
        for (int r = 0; r < rows; r += RegisterTile.Rows)
            Finish4(group, firstRow + r, Math.Min(RegisterTile.Rows, rows - r), firstToken, tokens, sums + r * 16, tiledRows * 16);
    }

    /// <summary>Dot products of four rows from their lane sums, sixteen at a time; of fewer than four rows the others' sums are not kept.</summary>
    private void Finish4(ProductGroup group, int row, int rows, int firstToken, int tokens, float* sums, nint tokenStride)
    {
        const int atOnce = 4;
        float* dots = stackalloc float[16], bias = stackalloc float[16];
        for (int i = 0; i < 16 && !product.Bias.IsNull; i++)
            bias[i] = product.Bias[group.FirstRow + row + Math.Min(i % 4, rows - 1)];
        for (int t = 0; t < tokens; t += atOnce)
        {
            int count = Math.Min(atOnce, tokens - t);
            float* four = sums + t * tokenStride;
            for (int i = 0; i < count; i++, four += tokenStride)
                TBlock.Reduce4(TBlock.Load(four), TBlock.Load(four + 16), TBlock.Load(four + 32), TBlock.Load(four + 48), dots + 4 * i);
            TBlock.Store(Finish(TBlock.Load(dots), TBlock.Load(bias)), dots);
            for (int i = 0; i < count; i++)
            {
                float* y = product.Outputs[firstToken + t + i];
                for (int r = 0; r < rows; r++)
                    y[product.Column(row + r)] = dots[4 * i + r];
            }
        }
    }

    private TBlock Finish(TBlock dots, TBlock bias)
    {
        if (product.Bias.IsNull)
            return TProfile.Round(dots);
        return TProfile.Round((product.BiasApart ? TProfile.Round(dots) : dots) + bias);
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
