using System.Globalization;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>A set of code points, surrogates excluded: ascending ranges that neither overlap nor touch.</summary>
internal sealed class CharSet : IEquatable<CharSet>
{
    private const int FirstSurrogate = 0xD800, LastSurrogate = 0xDFFF, Last = 0x10FFFF;
    private static readonly Lazy<CharSet[]> Categories = new(ReadCategories);

    private readonly int[] _ranges;                     // first, last, first, last, …

    private CharSet(int[] ranges) => _ranges = ranges;

    /// <summary>No code point.</summary>
    internal static CharSet None { get; } = new([]);

    /// <summary>Every code point that UTF-8 can spell.</summary>
    internal static CharSet Any { get; } = new([0, FirstSurrogate - 1, LastSurrogate + 1, Last]);

    /// <summary>ECMA-262's <c>\d</c>.</summary>
    internal static CharSet Digit { get; } = Of(('0', '9'));

    /// <summary>ECMA-262's <c>\w</c>.</summary>
    internal static CharSet Word { get; } = Of(('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z'));

    /// <summary>ECMA-262's <c>\s</c>: white space and line terminators.</summary>
    internal static CharSet Space { get; } = Of(
        ('\t', '\r'), (' ', ' '), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F),
        (0x3000, 0x3000),
        (0xFEFF, 0xFEFF));

    /// <summary>ECMA-262's <c>.</c>: everything but line terminators.</summary>
    internal static CharSet Dot { get; } = Of(('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)).Complement();

    /// <summary>Whether the set is empty.</summary>
    internal bool IsNone => _ranges.Length == 0;

    /// <summary>First and last code point of each range, in order.</summary>
    internal ReadOnlySpan<int> Ranges => _ranges;

    /// <summary>The set of one code point.</summary>
    internal static CharSet Of(int codePoint) => Of((codePoint, codePoint));

    /// <summary>The union of ranges in any order; surrogates are left out.</summary>
    internal static CharSet Of(params ReadOnlySpan<(int First, int Last)> ranges)
    {
        (int First, int Last)[] sorted = ranges.ToArray();
        Array.Sort(sorted);
        var merged = new List<int>(2 * sorted.Length);
        foreach ((int first, int last) in sorted)
        {
            if (first > last) continue;
            if (merged.Count > 0 && first <= merged[^1] + 1) merged[^1] = Math.Max(merged[^1], last);
            else merged.AddRange([first, last]);
        }

        return new CharSet([.. merged]).Intersect(Any);
    }

    /// <summary>The code points of a Unicode general category, by its long or short name; null for a name that is none.</summary>
    internal static CharSet? Category(string name)
    {
        string[] prefixes = CategoryNames.Prefixes(name);
        if (prefixes.Length == 0) return null;
        CharSet all = None;
        for (int category = 0; category < Categories.Value.Length; category++)
        {
            if (Array.Exists(prefixes, prefix => CategoryNames.Short[category].StartsWith(prefix, StringComparison.Ordinal)))
                all = all.Union(Categories.Value[category]);
        }

        return all.Intersect(Any);
    }

    /// <summary>Whether a code point is in the set.</summary>
    internal bool Contains(int codePoint)
    {
        int low = 0, high = _ranges.Length / 2 - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (codePoint < _ranges[2 * middle]) high = middle - 1;
            else if (codePoint > _ranges[2 * middle + 1]) low = middle + 1;
            else return true;
        }

        return false;
    }

    /// <summary>Code points of either set.</summary>
    internal CharSet Union(CharSet other)
    {
        var ranges = new (int, int)[(_ranges.Length + other._ranges.Length) / 2];
        int count = 0;
        for (int i = 0; i < _ranges.Length; i += 2) ranges[count++] = (_ranges[i], _ranges[i + 1]);
        for (int i = 0; i < other._ranges.Length; i += 2) ranges[count++] = (other._ranges[i], other._ranges[i + 1]);
        return IsNone ? other : other.IsNone ? this : Of(ranges);
    }

    /// <summary>Code points of both sets.</summary>
    internal CharSet Intersect(CharSet other)
    {
        var common = new List<int>();
        for (int i = 0, j = 0; i < _ranges.Length && j < other._ranges.Length;)
        {
            int first = Math.Max(_ranges[i], other._ranges[j]), last = Math.Min(_ranges[i + 1], other._ranges[j + 1]);
            if (first <= last) common.AddRange([first, last]);
            if (_ranges[i + 1] < other._ranges[j + 1]) i += 2;
            else j += 2;
        }

        return new CharSet([.. common]);
    }

    /// <summary>Code points that are not in the set.</summary>
    internal CharSet Complement()
    {
        var gaps = new List<int>();
        int next = 0;
        for (int i = 0; i < _ranges.Length; i += 2)
        {
            if (_ranges[i] > next) gaps.AddRange([next, _ranges[i] - 1]);
            next = _ranges[i + 1] + 1;
        }

        if (next <= Last) gaps.AddRange([next, Last]);
        return new CharSet([.. gaps]).Intersect(Any);
    }

    /// <inheritdoc/>
    public bool Equals(CharSet? other) => other is not null && _ranges.AsSpan().SequenceEqual(other._ranges);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as CharSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (int edge in _ranges) hash.Add(edge);
        return hash.ToHashCode();
    }

    private static CharSet[] ReadCategories()
    {
        var ranges = new List<int>[CategoryNames.Short.Length];
        for (int i = 0; i < ranges.Length; i++) ranges[i] = [];
        for (int codePoint = 0; codePoint <= Last; codePoint++)
        {
            List<int> of = ranges[(int)CharUnicodeInfo.GetUnicodeCategory(codePoint)];
            if (of.Count > 0 && of[^1] == codePoint - 1) of[^1] = codePoint;
            else of.AddRange([codePoint, codePoint]);
        }

        return [.. ranges.Select(list => new CharSet([.. list]))];
    }
}
