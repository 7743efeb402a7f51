namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>A text as it is read, byte by byte: a hash of it, and with it the hashes of its beginnings.</summary>
/// <param name="Value">The hash of the bytes so far.</param>
/// <param name="Length">How many there are.</param>
/// <param name="Last">The last of them.</param>
/// <param name="Before">The text without it, null for the empty one.</param>
internal sealed record TextHash(ulong Value, int Length, byte Last, TextHash? Before)
{
    internal static TextHash Empty { get; } = new(0xCBF29CE484222325, 0, 0, null);

    /// <summary>Stands in for a text that is not known and that no other is compared with.</summary>
    internal static TextHash Unknown { get; } = new(0, 0, 0, null);

    internal TextHash With(byte value)
    {
        ulong hash = unchecked((Value ^ value) * 0x9E3779B97F4A7C15);
        return new TextHash(hash ^ hash >> 29, Length + 1, value, this);
    }
}

/// <summary>Texts that have come already and may not come again: free keys of an object, items of an array without equal ones.</summary>
/// <remarks>
/// Texts are compared by hashes of 64 bits. Were two to share one, the second could not be chosen; whatever is chosen is right in any case.
/// </remarks>
internal sealed class Seen
{
    private const int MostToScan = 16;

    private readonly Seen? _before;
    private readonly TextHash _text;
    private HashSet<ulong>? _all;

    private Seen(Seen? before, TextHash text)
    {
        (_before, _text) = (before, text);
        Count = 1 + (before?.Count ?? 0);
    }

    /// <summary>How many texts there are.</summary>
    internal int Count { get; }

    /// <summary>One text more.</summary>
    internal static Seen With(Seen? before, TextHash text) => new(before, text);

    /// <summary>Whether a text has come.</summary>
    internal bool Contains(TextHash text)
    {
        if (Count > MostToScan) return (_all ??= All()).Contains(text.Value);
        for (Seen? seen = this; seen is not null; seen = seen._before)
            if (seen._text.Value == text.Value) return true;
        return false;
    }

    /// <summary>How many of the texts begin so.</summary>
    internal int CountOf(TextHash beginning)
    {
        int count = 0;
        for (Seen? seen = this; seen is not null; seen = seen._before)
        {
            TextHash? text = seen._text;
            while (text is not null && text.Length > beginning.Length) text = text.Before;
            if (text is not null && text.Length == beginning.Length && text.Value == beginning.Value) count++;
        }

        return count;
    }

    /// <summary>What is left of the texts that begin so.</summary>
    internal IEnumerable<byte[]> RestsOf(TextHash beginning)
    {
        for (Seen? seen = this; seen is not null; seen = seen._before)
        {
            byte[] rest = new byte[Math.Max(0, seen._text.Length - beginning.Length)];
            TextHash? text = seen._text;
            for (int i = rest.Length - 1; i >= 0; i--, text = text.Before!) rest[i] = text!.Last;
            if (rest.Length > 0 && text!.Value == beginning.Value) yield return rest;
        }
    }

    /// <summary>Whether both hold the same texts in the same order.</summary>
    internal static bool AreSame(Seen? a, Seen? b)
    {
        for (; a != b; (a, b) = (a._before, b._before))
            if (a is null || b is null || a.Count != b.Count || a._text.Value != b._text.Value) return false;
        return true;
    }

    private HashSet<ulong> All()
    {
        var all = new HashSet<ulong>(Count);
        for (Seen? seen = this; seen is not null; seen = seen._before) all.Add(seen._text.Value);
        return all;
    }
}
