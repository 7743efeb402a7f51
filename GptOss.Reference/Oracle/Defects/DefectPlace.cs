namespace GptOss.Reference.Oracle.Defects;

/// <summary>The smallest part of the model that a mistake can be made in alone.</summary>
internal enum DefectScope
{
    /// <summary>The whole model: its angles and windows are the same in every layer.</summary>
    Model,

    /// <summary>One layer.</summary>
    Layer,

    /// <summary>One head of a layer.</summary>
    Head,

    /// <summary>One of the two expert products of a layer.</summary>
    Product,
}

/// <summary>Where alone a mistake is made.</summary>
/// <param name="Layer">0-based layer.</param>
internal readonly record struct DefectPlace(int Layer)
{
    /// <summary>The heads, from the first to before the last; null for all.</summary>
    internal (int First, int End)? Heads { get; init; }

    /// <summary>0 for the first product (gate and up), 1 for the second (down); null for both.</summary>
    internal int? Product { get; init; }

    /// <summary>in layer 3, head 5.</summary>
    public override string ToString()
    {
        string heads = Heads is not var (first, end) ? "" : end == first + 1 ? $", head {first}" : $", heads {first} to {end - 1}";
        string product = Product is { } one ? $", {(one == 0 ? "first" : "second")} product" : "";
        return $"in layer {Layer}{heads}{product}";
    }
}
