namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>Builds the automaton of one term, or of several side by side.</summary>
internal static class DfaBuilder
{
    private const int MostStates = 20_000;

    /// <summary>The automaton of a language; accepting states have tag 0.</summary>
    internal static Dfa Build(TermPool pool, Work work, Term term) => Build(pool, work, [term], matches => matches[0] ? 0 : -1);

    /// <summary>One automaton that follows several languages at once.</summary>
    /// <param name="pool">Where the terms are.</param>
    /// <param name="work">What it may cost.</param>
    /// <param name="terms">The languages.</param>
    /// <param name="tag">The tag of a text that is in some of them, −1 if it is not accepted.</param>
    /// <exception cref="WorkExceededException">The automaton has too many states.</exception>
    internal static Dfa Build(TermPool pool, Work work, Term[] terms, Func<bool[], int> tag)
    {
        var alphabet = Alphabet.Of(terms, work);
        var states = new List<Term[]> { terms };
        var numbers = new Dictionary<Term[], int>(SameTerms.Instance) { [terms] = 0 };
        var next = new List<int>();
        var tags = new List<int>();
        for (int state = 0; state < states.Count; state++)
        {
            Term[] from = states[state];
            int end = Term.AtEnd | (state == 0 ? Term.AtBegin : 0);
            tags.Add(tag([.. from.Select(term => term.MatchesEmpty(end))]));
            foreach (int codePoint in alphabet.Representatives)
            {
                var to = new Term[from.Length];
                for (int i = 0; i < to.Length; i++)
                    to[i] = pool.Derive(from[i], codePoint, atBegin: state == 0);
                if (!numbers.TryGetValue(to, out int number))
                {
                    number = states.Count;
                    if (number >= MostStates)
                        throw new WorkExceededException();
                    numbers[to] = number;
                    states.Add(to);
                }

                work.Spend(1);
                next.Add(number);
            }
        }

        return Trimmed(alphabet, next, tags);
    }

    // A derived term has no ^ in it, so where one equals the start's, the start has none either and the place makes no difference.
    private sealed class SameTerms : IEqualityComparer<Term[]>
    {
        internal static readonly SameTerms Instance = new();

        public bool Equals(Term[]? x, Term[]? y) => x!.AsSpan().SequenceEqual(y);

        public int GetHashCode(Term[] terms)
        {
            var hash = new HashCode();
            foreach (Term term in terms)
                hash.Add(term.Id);
            return hash.ToHashCode();
        }
    }

    // Without the states that no accepting one can be reached from.
    private static Dfa Trimmed(Alphabet alphabet, List<int> next, List<int> tags)
    {
        int classes = alphabet.Representatives.Length;
        var sources = new List<int>[tags.Count];
        for (int state = 0; state < sources.Length; state++)
            sources[state] = [];
        for (int i = 0; i < next.Count; i++)
            sources[next[i]].Add(i / classes);

        int[] renumbered = new int[tags.Count];
        Array.Fill(renumbered, Dfa.Dead);
        var reached = new Queue<int>();
        for (int state = 0; state < tags.Count; state++)
        {
            if (tags[state] < 0)
                continue;
            renumbered[state] = 0;
            reached.Enqueue(state);
        }

        while (reached.TryDequeue(out int state))
        {
            foreach (int source in sources[state])
            {
                if (renumbered[source] == 0)
                    continue;
                renumbered[source] = 0;
                reached.Enqueue(source);
            }
        }

        var live = new List<int>();
        for (int state = 0; state < tags.Count; state++)
        {
            if (renumbered[state] == Dfa.Dead)
                continue;
            renumbered[state] = live.Count;
            live.Add(state);
        }

        int[] table = new int[live.Count * classes];
        for (int state = 0; state < live.Count; state++)
        {
            for (int c = 0; c < classes; c++)
                table[state * classes + c] = renumbered[next[live[state] * classes + c]];
        }
        return new Dfa(alphabet.Starts, alphabet.Classes, classes, table, [.. live.Select(state => tags[state])],
            live.Count > 0 ? renumbered[0] : Dfa.Dead);
    }
}
