using System.Runtime.CompilerServices;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>
/// Code points in classes: those of one class are in the same sets of some terms, so that no automaton of the terms tells them apart.
/// </summary>
/// <param name="Starts">First code point of each interval, from 0 on.</param>
/// <param name="Classes">Class of each interval.</param>
/// <param name="Representatives">A code point of each class.</param>
internal sealed record Alphabet(int[] Starts, ushort[] Classes, int[] Representatives)
{
    private const int MostIntervals = 20_000;

    internal static Alphabet Of(Term[] terms, Work work)
    {
        var sets = new HashSet<CharSet>();
        var seen = new HashSet<Term>();
        foreach (Term term in terms) Collect(term, sets, seen, work);

        // Surrogates are in no set; they get a class like any other that nothing leads out of.
        var edges = new SortedSet<int> { 0 };
        foreach (CharSet set in sets)
        {
            for (int i = 0; i < set.Ranges.Length; i += 2)
            {
                edges.Add(set.Ranges[i]);
                if (set.Ranges[i + 1] < 0x10FFFF) edges.Add(set.Ranges[i + 1] + 1);
            }
        }

        if (edges.Count > MostIntervals) throw new WorkExceededException();
        int[] starts = [.. edges];
        string[] members = new string[starts.Length];
        CharSet[] ordered = [.. sets];
        for (int i = 0; i < starts.Length; i++)
        {
            work.Spend(ordered.Length);
            members[i] = string.Create(ordered.Length, (ordered, starts[i]), static (bits, pair) =>
            {
                for (int s = 0; s < bits.Length; s++) bits[s] = pair.ordered[s].Contains(pair.Item2) ? '1' : '0';
            });
        }

        var numbers = new Dictionary<string, ushort>();
        var representatives = new List<int>();
        ushort[] classes = new ushort[starts.Length];
        for (int i = 0; i < starts.Length; i++)
        {
            if (!numbers.TryGetValue(members[i], out ushort number))
            {
                number = (ushort)representatives.Count;
                numbers[members[i]] = number;
                representatives.Add(starts[i]);
            }

            classes[i] = number;
        }

        return new Alphabet(starts, classes, [.. representatives]);
    }

    private static void Collect(Term term, HashSet<CharSet> sets, HashSet<Term> seen, Work work)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        while (seen.Add(term))
        {
            work.Spend(1);
            if (term.Kind == TermKind.Chars) sets.Add(term.Set);
            if (term.Parts.Length == 0) return;
            for (int i = 0; i < term.Parts.Length - 1; i++) Collect(term.Parts[i], sets, seen, work);
            term = term.Parts[^1];
        }
    }
}
