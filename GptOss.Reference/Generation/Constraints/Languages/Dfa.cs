namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>A deterministic automaton over code points, all of whose states lead to acceptance. Immutable.</summary>
internal sealed class Dfa
{
    /// <summary>No state.</summary>
    internal const int Dead = -1;

    /// <summary>From this many characters on, either every length is possible or none, if <see cref="LengthsSettle"/>.</summary>
    internal const int SettledLength = 63;

    private readonly int[] _starts;                     // first code points of intervals, ascending, the first is 0
    private readonly ushort[] _classes;                 // of each interval
    private readonly int[] _next;                       // state · classes + class
    private readonly Lazy<(ulong[] Of, bool Settle)> _lengths;
    private readonly Lazy<int[]> _distances;

    internal Dfa(int[] starts, ushort[] classes, int classCount, int[] next, int[] tags, int start)
    {
        (_starts, _classes, ClassCount, _next, Tags, Start) = (starts, classes, classCount, next, tags, start);
        IsTotal = FindTotal();
        IsInfinite = FindInfinite();
        _lengths = new(FindLengths);
        _distances = new(FindDistances);
    }

    /// <summary>Every text, with tag 0.</summary>
    internal static Dfa AnyText { get; } = new([0], [0], 1, [0], [0], 0);

    /// <summary>The state of the empty prefix, <see cref="Dead"/> if the language is empty.</summary>
    internal int Start { get; }

    internal int ClassCount { get; }

    internal int StateCount => Tags.Length;

    /// <summary>For each state, which alternative accepts there; −1 for none.</summary>
    internal int[] Tags { get; }

    /// <summary>For each state, whether no character can be wrong any more, however many follow.</summary>
    internal bool[] IsTotal { get; }

    /// <summary>For each state, whether infinitely many texts lead to acceptance.</summary>
    internal bool[] IsInfinite { get; }

    /// <summary>For each state, bit n: whether n more characters can lead to acceptance; bit 63 speaks for 63 and more.</summary>
    internal ulong[] Lengths => _lengths.Value.Of;

    /// <summary>Whether bit 63 of <see cref="Lengths"/> is right for every number from 63 on.</summary>
    internal bool LengthsSettle => _lengths.Value.Settle;

    /// <summary>For each state, the fewest characters that lead to acceptance.</summary>
    internal int[] Distances => _distances.Value;

    /// <summary>The fewest characters of a text; 0 if there is none.</summary>
    internal int Shortest => Start == Dead ? 0 : Distances[Start];

    /// <summary>The state after a character.</summary>
    internal int Next(int state, int codePoint) => _next[state * ClassCount + ClassOf(codePoint)];

    /// <summary>The class of a code point: those of one class are alike in every state.</summary>
    internal int ClassOf(int codePoint) => _classes[IntervalOf(codePoint)];

    /// <summary>The last code point of the run of code points of one class that <paramref name="codePoint"/> is in.</summary>
    internal int LastOfRun(int codePoint)
    {
        int interval = IntervalOf(codePoint);
        return interval + 1 < _starts.Length ? _starts[interval + 1] - 1 : 0x10FFFF;
    }

    /// <summary>The tag of a text, −1 if it is not in the language.</summary>
    internal int TagOf(string text)
    {
        int state = Start;
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            if (state == Dead)
                return -1;
            state = Next(state, rune.Value);
        }

        return state == Dead ? -1 : Tags[state];
    }

    private int IntervalOf(int codePoint)
    {
        int found = Array.BinarySearch(_starts, codePoint);
        return found >= 0 ? found : ~found - 1;
    }

    private ReadOnlySpan<int> Row(int state) => _next.AsSpan(state * ClassCount, ClassCount);

    // The greatest set whose states have all transitions, within the set.
    private bool[] FindTotal()
    {
        bool[] total = new bool[StateCount];
        Array.Fill(total, true);
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int state = StateCount - 1; state >= 0; state--)
            {
                if (!total[state])
                    continue;
                foreach (int next in Row(state))
                    total[state] &= next != Dead && total[next];
                changed |= !total[state];
            }
        }

        return total;
    }

    // A state is finite if it has only finite successors: the least such set.
    private bool[] FindInfinite()
    {
        bool[] infinite = new bool[StateCount];
        Array.Fill(infinite, true);
        for (bool changed = true; changed;)
        {
            changed = false;
            for (int state = StateCount - 1; state >= 0; state--)
            {
                if (!infinite[state])
                    continue;
                bool any = false;
                foreach (int next in Row(state))
                    any |= next != Dead && infinite[next];
                infinite[state] = any;
                changed |= !any;
            }
        }

        return infinite;
    }

    // Backwards from the states that accept.
    private int[] FindDistances()
    {
        var before = new List<int>[StateCount];
        for (int state = 0; state < StateCount; state++)
            before[state] = [];
        for (int state = 0; state < StateCount; state++)
        {
            foreach (int next in Row(state))
            {
                if (next != Dead && (before[next].Count == 0 || before[next][^1] != state))
                    before[next].Add(state);
            }
        }

        int[] distances = new int[StateCount];
        Array.Fill(distances, int.MaxValue);
        var reached = new Queue<int>();
        void Reach(int state, int distance)
        {
            if (distances[state] < int.MaxValue)
                return;
            distances[state] = distance;
            reached.Enqueue(state);
        }
        for (int state = 0; state < StateCount; state++)
        {
            if (Tags[state] >= 0)
                Reach(state, 0);
        }
        while (reached.TryDequeue(out int state))
        {
            foreach (int earlier in before[state])
                Reach(earlier, distances[state] + 1);
        }
        return distances;
    }

    private (ulong[] Of, bool Settle) FindLengths()
    {
        ulong[] lengths = new ulong[StateCount];
        bool[] reach = [.. Tags.Select(tag => tag >= 0)];
        bool settle = false;
        for (int length = 0; length <= SettledLength; length++)
        {
            for (int state = 0; state < StateCount; state++)
            {
                if (reach[state])
                    lengths[state] |= 1UL << length;
            }
            bool[] before = new bool[StateCount];
            for (int state = 0; state < StateCount; state++)
            {
                foreach (int next in Row(state))
                    before[state] |= next != Dead && reach[next];
            }
            settle = before.AsSpan().SequenceEqual(reach);
            reach = before;
        }

        return (lengths, settle);
    }

    /// <summary>Whether some number of characters from <paramref name="least"/> to <paramref name="most"/> is among the lengths.</summary>
    internal static bool HasLength(ulong lengths, int least, int most)
    {
        if (most < 0 || most < least)
            return false;
        least = Math.Clamp(least, 0, SettledLength);
        ulong to = most >= SettledLength ? ulong.MaxValue : (1UL << most + 1) - 1;
        return (lengths & to & ulong.MaxValue << least) != 0;
    }
}
