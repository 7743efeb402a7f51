namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>A regular expression of ECMA-262 as a tree.</summary>
internal abstract record Pattern
{
    /// <summary>Whether a look-ahead is in it, which cannot be repeated.</summary>
    internal virtual bool HasLook => false;

    /// <summary>The language of texts in which the pattern is found somewhere.</summary>
    internal Term Search(TermPool pool) => pool.Sequence(pool.AnyText, Then(pool, pool.AnyText));

    /// <summary>The language of a text that the pattern begins and <paramref name="rest"/> ends.</summary>
    /// <remarks>A look-ahead speaks about all of the rest; that is why the rest is handed down.</remarks>
    internal abstract Term Then(TermPool pool, Term rest);

    /// <summary>One code point of a set.</summary>
    internal sealed record Chars(CharSet Set) : Pattern
    {
        internal override Term Then(TermPool pool, Term rest) => pool.Sequence(pool.Chars(Set), rest);
    }

    /// <summary><c>^</c>, or <c>$</c>.</summary>
    internal sealed record Anchor(bool AtEnd) : Pattern
    {
        internal override Term Then(TermPool pool, Term rest) => pool.Sequence(AtEnd ? pool.End : pool.Begin, rest);
    }

    /// <summary>Parts one after the other.</summary>
    internal sealed record Sequence(List<Pattern> Parts) : Pattern
    {
        internal override bool HasLook { get; } = Parts.Exists(part => part.HasLook);

        internal override Term Then(TermPool pool, Term rest)
        {
            for (int i = Parts.Count - 1; i >= 0; i--) rest = Parts[i].Then(pool, rest);
            return rest;
        }
    }

    /// <summary>One of several.</summary>
    internal sealed record Either(List<Pattern> Parts) : Pattern
    {
        internal override bool HasLook { get; } = Parts.Exists(part => part.HasLook);

        internal override Term Then(TermPool pool, Term rest) => HasLook
            ? pool.Either([.. Parts.Select(part => part.Then(pool, rest))])
            : pool.Sequence(pool.Either([.. Parts.Select(part => part.Then(pool, pool.Empty))]), rest);
    }

    /// <summary>A part again and again.</summary>
    internal sealed record Repeat(Pattern Part, int Least, int Most) : Pattern
    {
        internal override Term Then(TermPool pool, Term rest) => pool.Sequence(pool.Repeat(Part.Then(pool, pool.Empty), Least, Most), rest);
    }

    /// <summary><c>(?=…)</c>, or <c>(?!…)</c>.</summary>
    internal sealed record Look(Pattern Part, bool IsNegative) : Pattern
    {
        internal override bool HasLook => true;

        internal override Term Then(TermPool pool, Term rest)
        {
            Term ahead = Part.Then(pool, pool.AnyText);
            return pool.Both(IsNegative ? pool.Not(ahead) : ahead, rest);
        }
    }
}
