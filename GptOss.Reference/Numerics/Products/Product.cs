using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Numerics.Products;

/// <summary>One product, whatever the format of its weights.</summary>
internal unsafe struct Product
{
    internal ProductGroup* Groups;
    internal int GroupCount;

    /// <summary>Rows of one matrix.</summary>
    internal int Rows;

    internal float** Inputs;
    internal float** Outputs;

    /// <summary>One value for each row of all matrices.</summary>
    internal VectorPointer Bias;

    /// <summary>Round the dot product before the bias is added, as the reference's expert products do.</summary>
    internal bool BiasApart;

    /// <summary>Outputs alternate between two halves of the output row: row 2j goes to column j, row 2j + 1 to column j + rows / 2.</summary>
    internal bool Deinterleave;

    /// <summary>The column of an output row that takes the result of a matrix's row.</summary>
    internal readonly int Column(int row) => Deinterleave ? row / 2 + (row & 1) * (Rows / 2) : row;
}
