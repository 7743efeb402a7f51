namespace GptOss.Reference.Numerics.Products;

/// <summary>One matrix and the activation rows that it meets.</summary>
internal struct ProductGroup
{
    /// <summary>The matrix's first row among those of all matrices.</summary>
    internal nint FirstRow;

    /// <summary>Entries First … + Count − 1 of the product's lists.</summary>
    internal int First, Count;
}
