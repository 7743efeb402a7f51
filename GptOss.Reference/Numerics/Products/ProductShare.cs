namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// One worker's part of a product: row ranges (group, begin, end). The work, all groups end to end, is cut by cost into equal parts of whole quads of
/// rows: with experts this schedules by (expert, row range), and uneven routing leaves no worker idle.
/// </summary>
internal unsafe ref struct ProductShare
{
    /// <summary>The cost of reading a quad of rows, in units of the cost of one activation row. Only the balance depends on it.</summary>
    private const int ReadingCost = 3;

    private readonly Product _product;
    private readonly long _begin, _end;
    private long _at;
    private int _group;

    /// <summary>Part <paramref name="part"/> of <paramref name="parts"/>.</summary>
    internal ProductShare(Product product, int part, int parts)
    {
        _product = product;
        long total = 0;
        for (int g = 0; g < product.GroupCount; g++)
            total += Quads * CostOf(g);
        (_begin, _end, _group) = (total * part / parts, total * (part + 1) / parts, -1);
    }

    /// <summary>The group and its rows begin … end − 1.</summary>
    public (int Group, int Begin, int End) Current { get; private set; }

    private readonly long Quads => (_product.Rows + 3) / 4;

    /// <summary>The same, to be enumerated.</summary>
    public readonly ProductShare GetEnumerator() => this;

    /// <summary>Goes on to the next range that is not empty.</summary>
    public bool MoveNext()
    {
        while (++_group < _product.GroupCount)
        {
            long cost = CostOf(_group);
            int first = QuadAt(_begin - _at, cost), last = QuadAt(_end - _at, cost);
            _at += Quads * cost;
            if (first < last)
            {
                Current = (_group, first * 4, Math.Min(last * 4, _product.Rows));
                return true;
            }
        }
        return false;
    }

    private readonly long CostOf(int group) => _product.Groups[group].Count + ReadingCost;

    /// <summary>The first quad that starts at or after <paramref name="offset"/>: every quad belongs to exactly one part.</summary>
    private readonly int QuadAt(long offset, long cost) => offset <= 0 ? 0 : (int)Math.Min((offset + cost - 1) / cost, Quads);
}
