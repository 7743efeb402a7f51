using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Part <see cref="Index"/> of <see cref="Count"/> of a corpus: consecutive documents that make up about 1/<see cref="Count"/> of its bytes.</summary>
/// <remarks>
/// A document belongs to the part that the first byte of its line falls into, so parts depend on the corpus alone and follow each other in its order.
/// </remarks>
public readonly record struct CorpusPart
{
    /// <summary>The most parts that a corpus is split into.</summary>
    public const int MostParts = 1_000_000;

    /// <summary>Part <paramref name="index"/> of <paramref name="count"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 1 ≤ <paramref name="index"/> ≤ <paramref name="count"/> ≤ <see cref="MostParts"/>.</exception>
    public CorpusPart(int index, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostParts);
        ArgumentOutOfRangeException.ThrowIfLessThan(index, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, count);
        (Index, Count) = (index, count);
    }

    /// <summary>The whole corpus: part 1 of 1.</summary>
    public static CorpusPart Whole => new(1, 1);

    /// <summary>Which part, counted from 1.</summary>
    public int Index { get; }

    /// <summary>How many parts there are.</summary>
    public int Count { get; }

    /// <summary>Whether this is everything.</summary>
    public bool IsWhole => Count == 1;

    /// <summary>Reads <c>3/8</c>.</summary>
    public static bool TryParse(string text, out CorpusPart part)
    {
        ArgumentNullException.ThrowIfNull(text);
        part = default;
        if (text.Split('/') is not [var first, var second] || !TryNumber(first, out int index) || !TryNumber(second, out int count) || index > count)
            return false;
        part = new(index, count);
        return true;
    }

    /// <summary>3/8.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Index}/{Count}");

    /// <summary>Whether a line that begins after <paramref name="start"/> of <paramref name="total"/> bytes is of this part.</summary>
    internal bool Holds(long start, long total) => (UInt128)start * (ulong)Count / (ulong)total == (UInt128)(Index - 1);

    private static bool TryNumber([NotNullWhen(true)] string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number is >= 1 and <= MostParts;
}
