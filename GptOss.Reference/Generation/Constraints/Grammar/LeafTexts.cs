using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>Texts that bring a leaf to its end, the shortest first.</summary>
internal static class LeafTexts
{
    private const int MostSteps = 100_000;

    // Letters and other printable characters before the rest, so that what is made up can be read.
    private static readonly byte[] Order =
        [.. Enumerable.Range(0, 256).OrderBy(value => value is >= 'a' and <= 'z' ? 0 : value is >= ' ' and <= '~' ? 1 : 2)
            .Select(value => (byte)value)];

    /// <summary>The texts that can follow what has been read. Where they need not differ from any other, one is enough.</summary>
    internal static IEnumerable<byte[]> From(Config config)
    {
        Leaf leaf = config.Leaf!;
        if (leaf.IsCounted)
            return [Counted(leaf, config)];
        return InOrder(leaf.Automaton, config.State, isDifferent: config.Hash is not null);
    }

    // Breadth first; a state is gone through once, unless the texts that lead to it make a difference.
    private static IEnumerable<byte[]> InOrder(Automaton automaton, int start, bool isDifferent)
    {
        var reached = new Queue<(int State, Bytes? Text)>();
        var known = new HashSet<int> { start };
        reached.Enqueue((start, null));
        for (int steps = 0; steps < MostSteps && reached.TryDequeue(out (int State, Bytes? Text) at); steps++)
        {
            if (automaton.MayEnd(at.State))
                yield return Bytes.ToArray(at.Text);
            foreach ((byte value, int next) in Successors(automaton, at.State))
            {
                var text = new Bytes(value, at.Text);
                if (Automaton.IsFinal(next))
                    yield return Bytes.ToArray(text);
                else if (isDifferent || known.Add(next))
                    reached.Enqueue((next, text));
            }
        }
    }

    private static IEnumerable<(byte Value, int Next)> Successors(Automaton automaton, int state)
    {
        bool[] tried = new bool[automaton.Classes];
        foreach (byte value in Order)
        {
            byte of = automaton.ClassOf[value];
            if (tried[of])
                continue;
            tried[of] = true;
            if (automaton.Next(state, value) is not Automaton.Dead and var next)
                yield return (value, next);
        }
    }

    // The fewest characters that the automaton and both bounds allow, one after the other.
    private static byte[] Counted(Leaf leaf, Config config)
    {
        Automaton automaton = leaf.Automaton;
        var text = new List<byte>();
        int state = config.State, count = config.Count;
        while (true)
        {
            ulong lengths = automaton.LengthsAhead(state);
            int left = Math.Max(0, leaf.Least - count);
            while (!Dfa.HasLength(lengths, left, left))
                left++;
            if (left == 0 && automaton.IsBetweenCharacters(state))
            {
                text.Add((byte)'"');
                return [.. text];
            }
            count += automaton.IsBetweenCharacters(state) ? 1 : 0;
            (byte[] bytes, state) = NextCharacter(automaton, state, left);
            text.AddRange(bytes);
        }
    }

    // Bytes up to the next place between characters, after which so many characters, less this one, can come.
    private static (byte[] Bytes, int State) NextCharacter(Automaton automaton, int start, int left)
    {
        int behind = automaton.IsBetweenCharacters(start) ? left - 1 : left;
        var reached = new Queue<(int State, Bytes? Text)>();
        reached.Enqueue((start, null));
        while (reached.TryDequeue(out (int State, Bytes? Text) at))
        {
            foreach ((byte value, int next) in Successors(automaton, at.State))
            {
                var text = new Bytes(value, at.Text);
                if (next < 0)
                    continue;
                if (!automaton.IsBetweenCharacters(next))
                    reached.Enqueue((next, text));
                else if (Dfa.HasLength(automaton.LengthsAhead(next), behind, behind))
                    return (Bytes.ToArray(text), next);
            }
        }
        throw new InvalidOperationException("A string has no next character, though its length is possible.");
    }

    private sealed record Bytes(byte Last, Bytes? Before)
    {
        internal static byte[] ToArray(Bytes? text)
        {
            var all = new List<byte>();
            for (; text is not null; text = text.Before)
                all.Add(text.Last);
            all.Reverse();
            return [.. all];
        }
    }
}
