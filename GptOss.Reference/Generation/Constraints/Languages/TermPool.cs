using System.Runtime.CompilerServices;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>Makes terms, each once, in a simplified form, and derives them.</summary>
/// <remarks>
/// Derivatives are Brzozowski's ("Derivatives of regular expressions", 1964): the derivative of a language by a character is what may follow that
/// character. With the simplifications here a term has finitely many, and intersection and complement cost no more than union.
/// </remarks>
internal sealed class TermPool
{
    private const int Everywhere = 0b1111, OnlyAtBegin = 0b1010, OnlyAtEnd = 0b1100;

    private readonly Dictionary<TermKey, Term> _terms = [];
    private readonly Dictionary<int, Term> _later = [];
    private readonly Dictionary<(int, int), Term> _derived = [];
    private readonly Work _work;

    internal TermPool(Work work)
    {
        _work = work;
        Nothing = Make(TermKind.Either, [], 0);
        Empty = Make(TermKind.Empty, [], Everywhere);
        Begin = Make(TermKind.Begin, [], OnlyAtBegin);
        End = Make(TermKind.End, [], OnlyAtEnd);
        AnyText = Repeat(Chars(CharSet.Any), 0, int.MaxValue);
    }

    /// <summary>No text.</summary>
    internal Term Nothing { get; }

    /// <summary>The empty text.</summary>
    internal Term Empty { get; }

    /// <summary>The empty text at the beginning: <c>^</c>.</summary>
    internal Term Begin { get; }

    /// <summary>The empty text at the end: <c>$</c>.</summary>
    internal Term End { get; }

    /// <summary>Every text.</summary>
    internal Term AnyText { get; }

    internal Term Chars(CharSet set) => set.IsNone ? Nothing : Make(TermKind.Chars, [], 0, set);

    /// <summary>One text.</summary>
    internal Term Literal(string text)
    {
        Term term = Empty;
        for (int i = text.Length; i > 0;)
        {
            i -= i > 1 && char.IsLowSurrogate(text[i - 1]) ? 2 : 1;
            term = Sequence(Chars(CharSet.Of(char.ConvertToUtf32(text, i))), term);
        }

        return term;
    }

    internal Term Sequence(Term first, Term then)
    {
        if (first == Nothing || then == Nothing) return Nothing;
        if (first == Empty) return then;
        if (then == Empty) return first;
        if (first.Kind == TermKind.Sequence) return Sequence(first.Parts[0], Sequence(first.Parts[1], then));
        if (first == AnyText && (then == AnyText || (then.Kind == TermKind.Sequence && then.Parts[0] == AnyText))) return then;
        return Make(TermKind.Sequence, [first, then], first.EmptyAt & then.EmptyAt);
    }

    internal Term Either(params ReadOnlySpan<Term> parts)
    {
        var flat = new List<Term>();
        CharSet chars = CharSet.None;
        foreach (Term part in parts)
        {
            foreach (Term alternative in part.Kind == TermKind.Either ? part.Parts : [part])
            {
                if (alternative == AnyText) return AnyText;
                if (alternative.Kind == TermKind.Chars) chars = chars.Union(alternative.Set);
                else flat.Add(alternative);
            }
        }

        if (!chars.IsNone) flat.Add(Chars(chars));
        Term[] sorted = Sorted(flat);
        int places = 0;
        foreach (Term alternative in sorted) places |= alternative.EmptyAt;
        return sorted.Length == 1 ? sorted[0] : Make(TermKind.Either, sorted, places);
    }

    internal Term Both(params ReadOnlySpan<Term> parts)
    {
        var flat = new List<Term>();
        foreach (Term part in parts)
        {
            if (part == Nothing) return Nothing;
            foreach (Term conjunct in part.Kind == TermKind.Both ? part.Parts : [part])
                if (conjunct != AnyText) flat.Add(conjunct);
        }

        Term[] sorted = Sorted(flat);
        int places = Everywhere;
        foreach (Term conjunct in sorted) places &= conjunct.EmptyAt;
        return sorted.Length == 0 ? AnyText : sorted.Length == 1 ? sorted[0] : Make(TermKind.Both, sorted, places);
    }

    internal Term Not(Term part) =>
        part.Kind == TermKind.Not ? part.Parts[0]
        : part == Nothing ? AnyText
        : part == AnyText ? Nothing
        : Make(TermKind.Not, [part], ~part.EmptyAt & Everywhere);

    internal Term Repeat(Term part, int least, int most)
    {
        if (most == 0 || part == Empty) return Empty;
        if (part == Nothing) return least == 0 ? Empty : Nothing;
        if (least == 1 && most == 1) return part;
        if (part.Kind == TermKind.Repeat && part.Least == 0 && part.Most == int.MaxValue) return part;
        return Make(TermKind.Repeat, [part], least == 0 ? Everywhere : part.EmptyAt, CharSet.None, least, most);
    }

    /// <summary>What may follow a character that stands at the beginning, or later.</summary>
    /// <remarks>What follows is never at the beginning again, so <c>^</c> is taken out of it.</remarks>
    internal Term Derive(Term term, int codePoint, bool atBegin)
    {
        if (term.Parts.Length == 0) return term.Kind == TermKind.Chars && term.Set.Contains(codePoint) ? Empty : Nothing;
        (int, int) key = (term.Id, atBegin ? ~codePoint : codePoint);
        if (_derived.TryGetValue(key, out Term? derived)) return derived;
        _work.Spend(1);
        RuntimeHelpers.EnsureSufficientExecutionStack();
        int place = atBegin ? Term.AtBegin : 0;
        Term Part(int i) => Derive(term.Parts[i], codePoint, atBegin);
        switch (term.Kind)
        {
            case TermKind.Sequence:
                derived = Sequence(Part(0), Later(term.Parts[1]));
                if (term.Parts[0].MatchesEmpty(place)) derived = Either(derived, Part(1));
                break;
            case TermKind.Either:
                derived = Either(Parts(term.Parts, codePoint, atBegin));
                break;
            case TermKind.Both:
                derived = Both(Parts(term.Parts, codePoint, atBegin));
                break;
            case TermKind.Not:
                derived = Not(Part(0));
                break;
            default:
                // Where the part matches the empty text here, as many rounds as are needed may have been empty.
                int least = term.Parts[0].MatchesEmpty(place) ? 0 : Math.Max(term.Least - 1, 0);
                int most = term.Most == int.MaxValue ? int.MaxValue : term.Most - 1;
                derived = Sequence(Part(0), Repeat(Later(term.Parts[0]), least, most));
                break;
        }

        return _derived[key] = derived;
    }

    private Term[] Parts(Term[] parts, int codePoint, bool atBegin)
    {
        var derived = new Term[parts.Length];
        for (int i = 0; i < parts.Length; i++) derived[i] = Derive(parts[i], codePoint, atBegin);
        return derived;
    }

    // The term at a place that is not the beginning.
    private Term Later(Term term)
    {
        if (!term.HasBegin) return term;
        if (_later.TryGetValue(term.Id, out Term? later)) return later;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var parts = new Term[term.Parts.Length];
        for (int i = 0; i < parts.Length; i++) parts[i] = Later(term.Parts[i]);
        later = term.Kind switch
        {
            TermKind.Begin => Nothing,
            TermKind.Sequence => Sequence(parts[0], parts[1]),
            TermKind.Either => Either(parts),
            TermKind.Both => Both(parts),
            TermKind.Not => Not(parts[0]),
            _ => Repeat(parts[0], term.Least, term.Most),
        };
        return _later[term.Id] = later;
    }

    // In the order in which they were made, each once, so that equal sets of parts are equal.
    private static Term[] Sorted(List<Term> parts)
    {
        parts.Sort(static (x, y) => x.Id.CompareTo(y.Id));
        int count = 0;
        for (int i = 0; i < parts.Count; i++)
            if (count == 0 || parts[i] != parts[count - 1]) parts[count++] = parts[i];
        parts.RemoveRange(count, parts.Count - count);
        return [.. parts];
    }

    private Term Make(TermKind kind, Term[] parts, int emptyAt, CharSet? set = null, int least = 0, int most = 0)
    {
        var key = new TermKey(kind, set ?? CharSet.None, parts, least, most);
        if (_terms.TryGetValue(key, out Term? term)) return term;
        _work.Spend(1);
        return _terms[key] = new Term
        {
            Kind = kind,
            Id = _terms.Count,
            Set = key.Set,
            Parts = parts,
            Least = least,
            Most = most,
            EmptyAt = emptyAt,
            HasBegin = kind == TermKind.Begin || Array.Exists(parts, part => part.HasBegin),
        };
    }

    private readonly record struct TermKey(TermKind Kind, CharSet Set, Term[] Parts, int Least, int Most)
    {
        public bool Equals(TermKey other) =>
            Kind == other.Kind && Least == other.Least && Most == other.Most && Set.Equals(other.Set) && Parts.AsSpan().SequenceEqual(other.Parts);

        public override int GetHashCode()
        {
            var hash = new HashCode();
            hash.Add(Kind);
            hash.Add(Set);
            hash.Add(Least);
            hash.Add(Most);
            foreach (Term part in Parts) hash.Add(part.Id);
            return hash.ToHashCode();
        }
    }
}
