using System.Collections.Immutable;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>A text as it is read, byte by byte: a hash of it, and with it the hashes of its beginnings.</summary>
/// <param name="Value">The hash of the bytes so far.</param>
/// <param name="Before">The text without its last byte, null for the empty one.</param>
internal sealed record TextHash(ulong Value, TextHash? Before)
{
    internal static TextHash Empty { get; } = new(0xCBF29CE484222325, null);

    /// <summary>Stands in for a text that is not known and that no other is compared with.</summary>
    internal static TextHash Unknown { get; } = new(0, null);

    internal TextHash With(byte value) => new(After(Value, value), this);

    /// <summary>The hash of a text with one byte more.</summary>
    internal static ulong After(ulong hash, byte value)
    {
        hash = unchecked((hash ^ value) * 0x9E3779B97F4A7C15);
        return hash ^ hash >> 29;
    }
}

/// <summary>Texts that have come already and may not come again: free keys of an object, items of an array without equal ones. Immutable.</summary>
/// <remarks>
/// <para>A tree of the texts, with the hash of the bytes that lead to it as the name of each node: whoever reads a text byte by byte is at its node
/// without a search, and asks at the cost of a look-up, which grows with the logarithm of what has come.</para>
/// <para>Hashes have 64 bits. Were two texts to share one, the second could not be chosen; whatever is chosen is right in any case.</para>
/// </remarks>
internal sealed class Seen
{
    private static readonly Seen None = new(ImmutableDictionary<ulong, int>.Empty, [], 0);

    private readonly ImmutableDictionary<ulong, int> _beginnings;       // how many texts begin so
    private readonly ImmutableHashSet<ulong> _texts;
    private readonly ulong _sum;                                        // of the texts' hashes: whether two sets are equal

    private Seen(ImmutableDictionary<ulong, int> beginnings, ImmutableHashSet<ulong> texts, ulong sum) =>
        (_beginnings, _texts, _sum) = (beginnings, texts, sum);

    /// <summary>How many texts there are.</summary>
    internal int Count => _texts.Count;

    /// <summary>One text more.</summary>
    internal static Seen With(Seen? before, TextHash text)
    {
        before ??= None;
        var beginnings = before._beginnings.ToBuilder();
        for (TextHash? beginning = text; beginning is not null; beginning = beginning.Before)
            beginnings[beginning.Value] = beginnings.GetValueOrDefault(beginning.Value) + 1;
        return new Seen(beginnings.ToImmutable(), before._texts.Add(text.Value), unchecked(before._sum + TextHash.After(text.Value, 0)));
    }

    /// <summary>Whether a text has come.</summary>
    internal bool Contains(ulong text) => _texts.Contains(text);

    /// <summary>How many of the texts begin so.</summary>
    internal int CountOf(ulong beginning) => _beginnings.GetValueOrDefault(beginning);

    /// <summary>Whether both hold the same texts.</summary>
    internal static bool AreSame(Seen? a, Seen? b) => a == b || (a is not null && b is not null && a.Count == b.Count && a._sum == b._sum);
}
