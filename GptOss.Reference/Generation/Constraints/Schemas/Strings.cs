using System.Collections.Concurrent;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>The languages of strings that a document asks for, each built once.</summary>
internal sealed class Strings(Work work)
{
    // Formats alone are the same in every document.
    private static readonly ConcurrentDictionary<string, Dfa> OfFormats = [];

    private readonly TermPool _pool = new(work);
    private readonly Dictionary<string, Term> _patterns = [];
    private readonly Dictionary<Term, Dfa> _automata = [];
    private readonly Dictionary<Dfa, StringAutomaton> _plain = [];
    private readonly Dictionary<(Term, int, int), Leaf?> _leaves = [];

    internal TermPool Pool => _pool;

    /// <summary>Whether no string is in a branch.</summary>
    internal bool IsEmpty(Branch branch) => LeafOf(branch) is null;

    /// <summary>The strings of a branch; null if there are none.</summary>
    internal Leaf? LeafOf(Branch branch)
    {
        Term term = ContentOf(branch);
        (Term, int, int) key = (term, branch.LeastLength, branch.MostLength);
        if (_leaves.TryGetValue(key, out Leaf? leaf))
            return leaf;
        return _leaves[key] = term == _pool.AnyText
            ? branch.LeastLength == 0 && branch.MostLength == int.MaxValue
                ? Leaf.AnyString
                : new Leaf(StringAutomaton.AnyString, branch.LeastLength, branch.MostLength)
            : Counted(term, branch.Patterns is [{ Holds: true, Keyword: "format" } only] && branch.ExcludedStrings.Count == 0 ? only : null, branch);
    }

    /// <summary>The strings of a branch, lengths included, as a term.</summary>
    internal Term TermOf(Branch branch)
    {
        if (branch.Values is { } values)
        {
            return _pool.Either([.. values.Where(value => value.ValueKind == JsonValueKind.String).Select(value => _pool.Literal(value.GetString()!))
                .Where(literal => _pool.Both(literal, ContentOf(branch)) != _pool.Nothing)]);
        }
        return branch.LeastLength == 0 && branch.MostLength == int.MaxValue
            ? ContentOf(branch)
            : _pool.Both(ContentOf(branch), OfLength(branch.LeastLength, branch.MostLength));
    }

    /// <summary>Whether a pattern is found in a text.</summary>
    internal bool IsFound(string pattern, Schema schema, string keyword, string text) =>
        AutomatonOf(SearchFor(pattern, schema, keyword), schema, keyword).TagOf(text) >= 0;

    /// <summary>The texts in which a pattern is found.</summary>
    internal Term SearchFor(string pattern, Schema schema, string keyword)
    {
        if (_patterns.TryGetValue(pattern, out Term? term))
            return term;
        try
        {
            return _patterns[pattern] = PatternParser.Parse(pattern).Search(_pool);
        }
        catch (PatternException e)
        {
            throw new SchemaRefusal(schema.Path, keyword, $"has a pattern that cannot be kept: {e.Message}");
        }
    }

    /// <summary>The automaton of a term.</summary>
    internal Dfa AutomatonOf(Term term, Schema schema, string keyword)
    {
        if (_automata.TryGetValue(term, out Dfa? automaton))
            return automaton;
        try
        {
            return _automata[term] = DfaBuilder.Build(_pool, work, term);
        }
        catch (WorkExceededException)
        {
            throw new SchemaRefusal(schema.Path, keyword, "needs an automaton of too many states");
        }
    }

    private Term ContentOf(Branch branch)
    {
        Term term = _pool.AnyText;
        foreach (PatternRule rule in branch.Patterns)
        {
            Term search = SearchFor(rule.Pattern, rule.Schema, rule.Keyword);
            term = _pool.Both(term, rule.Holds ? search : _pool.Not(search));
        }

        return branch.ExcludedStrings.Count == 0 ? term
            : _pool.Both(term, _pool.Not(_pool.Either([.. branch.ExcludedStrings.Distinct().Select(_pool.Literal)])));
    }

    // The lengths are counted beside the automaton where it says at each state which lengths can still be reached; else they go into it.
    private Leaf? Counted(Term term, PatternRule? format, Branch branch)
    {
        (Schema schema, string keyword) = branch.Patterns is [.., var last] ? (last.Schema, last.Keyword) : (branch.Taken.First().Schema, "not");
        Dfa dfa = format is { } name ? OfFormats.GetOrAdd(name.Pattern, _ => AutomatonOf(term, schema, keyword)) : AutomatonOf(term, schema, keyword);
        if (dfa.Start == Dfa.Dead)
            return null;
        (int least, int most) = (branch.LeastLength, branch.MostLength);
        if (least == 0 && most == int.MaxValue)
            return new Leaf(Plain(dfa));
        ulong lengths = dfa.Lengths[dfa.Start];
        if (!Dfa.HasLength(lengths, 0, least - 1)
            && (most == int.MaxValue || (most < Dfa.SettledLength && !Dfa.HasLength(lengths, most + 1, int.MaxValue))))
        {
            return new Leaf(Plain(dfa));
        }

        if (dfa.LengthsSettle)
            return Dfa.HasLength(lengths, least, most) ? new Leaf(Plain(dfa), least, most) : null;
        dfa = AutomatonOf(_pool.Both(term, OfLength(least, most)), schema, keyword);
        return dfa.Start == Dfa.Dead ? null : new Leaf(Plain(dfa));
    }

    /// <summary>The same strings, each in one spelling and none counted, so that one can tell how many are left.</summary>
    internal Leaf Unique(Leaf leaf)
    {
        if (leaf == Leaf.AnyString)
            return new Leaf(StringAutomaton.AnyUniqueString);
        (Term term, int least, int most) = _leaves.First(known => known.Value == leaf).Key;
        return new Leaf(new StringAutomaton(DfaBuilder.Build(_pool, work, _pool.Both(term, OfLength(least, most))), Spelling.Unique));
    }

    private StringAutomaton Plain(Dfa dfa)
    {
        if (!_plain.TryGetValue(dfa, out StringAutomaton? automaton))
            _plain[dfa] = automaton = new StringAutomaton(dfa, Spelling.Plain);
        return automaton;
    }

    private Term OfLength(int least, int most) => _pool.Repeat(_pool.Chars(CharSet.Any), least, most);
}
