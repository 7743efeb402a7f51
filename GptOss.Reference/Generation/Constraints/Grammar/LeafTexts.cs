using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>The text that brings a leaf to its end soonest, or one near it.</summary>
internal static class LeafTexts
{
    private const int MostReached = 20_000;

    // Letters and other printable characters before the rest, so that what is made up can be read.
    private static readonly byte[] Order =
        [.. Enumerable.Range(0, 256).OrderBy(value => value is >= 'a' and <= 'z' ? 0 : value is >= ' ' and <= '~' ? 1 : 2)
            .Select(value => (byte)value)];

    /// <summary>The text that can follow what has been read.</summary>
    internal static byte[] Shortest(in Config config)
    {
        Leaf leaf = config.Leaf!;
        if (leaf.Automaton is StringAutomaton && leaf.IsCounted)
            return Characters(leaf.Automaton, config.State, new Lengths(leaf.Automaton, leaf.Least - config.Count).ToEnd);
        return config.Hash is null ? Shortest(leaf.Automaton, config.State) : Different(config, config.Hash.Value);
    }

    private static byte[] Shortest(Automaton automaton, int state) => automaton switch
    {
        StringAutomaton text => Characters(text, state, (at, _) => text.CharactersToEnd(at)),
        LiteralAutomaton literals => literals.ShortestFrom(state, out _),
        KeyAutomaton keys => keys.ShortestFrom(state, Shortest) ?? Searched(keys, state),
        _ => Searched(automaton, state),
    };

    // Breadth first. Where there are too many states to go through, on with any of them: each leads to an end, and numbers and keys are finite.
    private static byte[] Searched(Automaton automaton, int start)
    {
        Bytes? first = null;
        while (true)
        {
            var reached = new Queue<(int State, Bytes? Text)>();
            var known = new HashSet<int> { start };
            reached.Enqueue((start, first));
            while (reached.TryDequeue(out (int State, Bytes? Text) at) && known.Count < MostReached)
            {
                if (automaton.MayEnd(at.State))
                    return Bytes.ToArray(at.Text);
                foreach ((byte value, int next) in Successors(automaton, at.State, all: false))
                {
                    var text = new Bytes(value, at.Text);
                    if (Automaton.IsFinal(next))
                        return Bytes.ToArray(text);
                    if (known.Add(next))
                        reached.Enqueue((next, text));
                }
                (start, first) = at;
            }
        }
    }

    // A text that has not come in one of the frames: what begins as none that has come may go on in any way.
    private static byte[] Different(Config config, ulong begun)
    {
        Automaton automaton = config.Leaf!.Automaton;
        byte[]? best = automaton.MayEnd(config.State) && IsNew(config, begun) ? [] : null;
        var reached = new Queue<(int State, ulong Hash, Bytes? Text)>();
        reached.Enqueue((config.State, begun, null));
        while (reached.TryDequeue(out (int State, ulong Hash, Bytes? Text) at) && (best is null || (at.Text?.Length ?? 0) + 1 < best.Length))
        {
            foreach ((byte value, int next) in Successors(automaton, at.State, all: true))
            {
                var text = new Bytes(value, at.Text);
                ulong hash = TextHash.After(at.Hash, value);
                bool ends = Automaton.IsFinal(next) || (next >= 0 && automaton.MayEnd(next));
                if (ends && (Machine.IsDeclaredKey(config, next) || IsNew(config, hash)))
                    Take(Bytes.ToArray(text));
                else if (next >= 0 && Array.Exists(config.Tops, top => top.Seen is null || top.Seen.CountOf(hash) == 0))
                    Take([.. Bytes.ToArray(text), .. Shortest(automaton, next)]);
                else if (next >= 0 && Machine.CanDiffer(config, next, hash))
                    reached.Enqueue((next, hash, text));
            }
        }
        return best ?? throw new InvalidOperationException("A leaf has no end, though every state leads to one.");

        void Take(byte[] text) => best = best is null || text.Length < best.Length ? text : best;
    }

    private static bool IsNew(in Config config, ulong text)
    {
        foreach (Frame top in config.Tops)
        {
            if (top.Seen?.Contains(text) != true)
                return true;
        }
        return false;
    }

    // All bytes, or one of each class.
    private static IEnumerable<(byte Value, int Next)> Successors(Automaton automaton, int state, bool all)
    {
        bool[] tried = new bool[automaton.Classes];
        foreach (byte value in Order)
        {
            byte of = automaton.ClassOf[value];
            if (tried[of])
                continue;
            tried[of] = !all;
            if (automaton.Next(state, value) is not Automaton.Dead and var next)
                yield return (value, next);
        }
    }

    // Character by character, each time one more on the way to the end; what is left at a place may depend on how many have been begun.
    private static byte[] Characters(Automaton automaton, int state, Func<int, int, int> leftAt)
    {
        var text = new List<byte>();
        int begun = 0;
        while (!(automaton.IsBetweenCharacters(state) && leftAt(state, begun) == 0))
        {
            int target = automaton.IsBetweenCharacters(state) ? leftAt(state, begun++) - 1 : 0;
            (byte[] bytes, state) = NextCharacter(automaton, state, at => leftAt(at, begun), target);
            text.AddRange(bytes);
        }
        text.Add((byte)'"');
        return [.. text];
    }

    // Bytes up to the next place between characters: one with no more left than the target, else the one with the least.
    private static (byte[] Bytes, int State) NextCharacter(Automaton automaton, int start, Func<int, int> leftAt, int target)
    {
        (Bytes? Text, int State, int Left) best = (null, start, int.MaxValue);
        var reached = new Queue<(int State, Bytes? Text)>();
        reached.Enqueue((start, null));
        while (reached.TryDequeue(out (int State, Bytes? Text) at))
        {
            foreach ((byte value, int next) in Successors(automaton, at.State, all: false))
            {
                if (next < 0)
                    continue;
                var text = new Bytes(value, at.Text);
                if (!automaton.IsBetweenCharacters(next))
                    reached.Enqueue((next, text));
                else if (leftAt(next) is var left && left < best.Left)
                    best = (text, next, left);
                if (best.Left <= target)
                    return (Bytes.ToArray(best.Text), best.State);
            }
        }
        return (Bytes.ToArray(best.Text), best.State);
    }

    /// <summary>How many characters are left of a string that must have at least so many more.</summary>
    private sealed class Lengths(Automaton automaton, int least)
    {
        internal int ToEnd(int state, int begun)
        {
            ulong lengths = automaton.LengthsAhead(state);
            int left = Math.Max(0, least - begun);
            while (!Dfa.HasLength(lengths, left, left))
            {
                if (left >= Dfa.SettledLength)
                    return int.MaxValue;
                left++;
            }
            return left;
        }
    }

    private sealed record Bytes(byte Last, Bytes? Before)
    {
        internal int Length { get; } = 1 + (Before?.Length ?? 0);

        internal static byte[] ToArray(Bytes? text)
        {
            byte[] all = new byte[text?.Length ?? 0];
            for (int i = all.Length - 1; i >= 0; i--, text = text.Before!)
                all[i] = text!.Last;
            return all;
        }
    }
}
