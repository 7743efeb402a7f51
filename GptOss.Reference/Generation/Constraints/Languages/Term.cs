namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>What a <see cref="Term"/> is made of.</summary>
internal enum TermKind
{
    /// <summary>One code point of a set.</summary>
    Chars,

    /// <summary>The empty text, anywhere.</summary>
    Empty,

    /// <summary>The empty text, at the beginning only.</summary>
    Begin,

    /// <summary>The empty text, at the end only.</summary>
    End,

    /// <summary>A first part, then a second.</summary>
    Sequence,

    /// <summary>Any of the parts; of none, no text at all.</summary>
    Either,

    /// <summary>All of the parts at once.</summary>
    Both,

    /// <summary>What the part is not.</summary>
    Not,

    /// <summary>The part again and again.</summary>
    Repeat,
}

/// <summary>A regular language over code points, as an expression. Equal terms of one <see cref="TermPool"/> are one object.</summary>
internal sealed class Term
{
    /// <summary>Bits of <see cref="EmptyAt"/>: the place is the beginning of the text, and its end.</summary>
    internal const int AtBegin = 1, AtEnd = 2;

    internal required TermKind Kind { get; init; }

    /// <summary>Number in its pool, from 0.</summary>
    internal required int Id { get; init; }

    /// <summary>The set of <see cref="TermKind.Chars"/>.</summary>
    internal CharSet Set { get; init; } = CharSet.None;

    internal Term[] Parts { get; init; } = [];

    /// <summary>How often <see cref="TermKind.Repeat"/> repeats at least.</summary>
    internal int Least { get; init; }

    /// <summary>And at most; <see cref="int.MaxValue"/> for any number.</summary>
    internal int Most { get; init; }

    /// <summary>Bit p is set if the term matches the empty text at a place p, a sum of <see cref="AtBegin"/> and <see cref="AtEnd"/>.</summary>
    internal required int EmptyAt { get; init; }

    /// <summary>Whether <see cref="TermKind.Begin"/> occurs in it.</summary>
    internal required bool HasBegin { get; init; }

    internal bool MatchesEmpty(int place) => (EmptyAt >> place & 1) != 0;
}
