using System.Numerics;
using System.Runtime.CompilerServices;
using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>Walks the tree of tokens with the automaton of a leaf: which tokens stay inside, and where it ends.</summary>
internal sealed class LeafWalk
{
    private const int FewTokens = 1_024;

    // More characters than a token has, and than lengths are told apart by.
    private const int Far = 512;

    private readonly Vocabulary _vocabulary;
    private readonly int[] _states, _counts, _plain, _endOf;

    internal LeafWalk(Vocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        int depths = vocabulary.LongestToken + 2;
        (_states, _counts, _plain, _endOf) = (new int[depths], new int[depths], new int[depths], new int[depths]);
    }

    /// <summary>The mask of a reading that is inside a leaf.</summary>
    internal static LeafMask MaskOf(in Config config, Vocabulary vocabulary)
    {
        Leaf leaf = config.Leaf!;
        int least = 0, most = Far;
        if (leaf.IsCounted)
        {
            // Bounds that no token can reach are alike.
            least = Math.Max(0, leaf.Least - config.Count);
            most = Math.Min(leaf.Most - config.Count, Far + least);
            if (least > Far)
                (least, most) = (Far, most - least + Far);
        }

        var key = new MaskCache.Key(leaf.Automaton, config.State, least, most);
        return vocabulary.Masks.Get(key, vocabulary, static (key, vocabulary) =>
            key.Automaton is KeyAutomaton keys ? KeyMask.Make(keys, key.State, vocabulary) : new LeafWalk(vocabulary).Make(key));
    }

    /// <summary>The mask of a state of strings, numbers or literals.</summary>
    internal LeafMask Make(MaskCache.Key key)
    {
        (Automaton automaton, int state, int least, int most) = key;
        bool isCounted = least > 0 || most < _vocabulary.LongestToken + Dfa.SettledLength;
        ulong[] inside = new ulong[_vocabulary.Words];
        var ends = new List<LeafEnd>();
        TokenTrie tree = _vocabulary.All;
        if (automaton.TakesAnyCharacters(state) && (!isCounted || automaton.LengthsAhead(state) == ulong.MaxValue))
        {
            _vocabulary.PlainUpTo(isCounted ? most : int.MaxValue).CopyTo(inside);
            tree = _vocabulary.NotPlain;
        }

        if (automaton.MayEnd(state))
            ends.Add(new LeafEnd(_vocabulary.All, -1, -1));
        if (isCounted)
            WalkCounted(tree, automaton, state, least, most, inside, ends);
        else
            Walk(tree, automaton, state, inside, ends);
        return Packed(automaton, inside, ends);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Walk(TokenTrie tree, Automaton automaton, int start, ulong[] inside, List<LeafEnd> ends)
    {
        ReadOnlySpan<byte> bytes = tree.Bytes, classOf = automaton.ClassOf;
        ReadOnlySpan<int> endOf = tree.Ends, table = automaton.Table;
        ReadOnlySpan<uint> groups = tree.Groups;
        int classes = automaton.Classes, depth = 0, looping = -1;
        uint loop = 0;
        bool endsOpenly = automaton.EndsOpenly;
        _states[0] = start;
        _endOf[0] = tree.Count;
        for (int node = 0; node < bytes.Length;)
        {
            while (node >= _endOf[depth])
                depth--;
            int state = _states[depth], at = state * classes + classOf[bytes[node]], next = at < table.Length ? table[at] : Automaton.Unknown;
            if (next == Automaton.Unknown)
            {
                next = automaton.Next(state, bytes[node]);
                table = automaton.Table;
            }

            if (next >= 0)
            {
                if (tree.TokenAt(node) is >= 0 and var id)
                    inside[id / 64] |= 1UL << id;
                int end = endOf[node];
                if (end == node + 1)
                {
                    node = end;
                    continue;
                }

                // Where every character below leads from the state to itself, all tokens below stay inside.
                if (next != looping)
                    (looping, loop) = (next, automaton.Loop(next));
                if ((groups[node] & ~loop) == 0)
                {
                    foreach (int below in tree.TokensOf(node + 1, end))
                        inside[below / 64] |= 1UL << below;
                    node = end;
                    continue;
                }

                depth++;
                _states[depth] = next;
                _endOf[depth] = end;
                if (endsOpenly && automaton.MayEnd(next))
                    ends.Add(new LeafEnd(tree, node, -1));
                node++;
                continue;
            }

            if (Automaton.IsFinal(next))
                ends.Add(new LeafEnd(tree, node, Automaton.TagOf(next)));
            node = endOf[node];
        }
    }

    // The same for strings whose characters are counted, near a bound.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void WalkCounted(TokenTrie tree, Automaton automaton, int start, int least, int most, ulong[] inside, List<LeafEnd> ends)
    {
        ReadOnlySpan<byte> bytes = tree.Bytes;
        ReadOnlySpan<int> endOf = tree.Ends;
        ReadOnlySpan<uint> groups = tree.Groups;
        int depth = 0, looping = -1;
        uint loop = 0;
        _states[0] = start;
        _counts[0] = _plain[0] = 0;
        _endOf[0] = tree.Count;
        for (int node = 0; node < bytes.Length;)
        {
            while (node >= _endOf[depth])
                depth--;
            int state = _states[depth], next = automaton.Next(state, bytes[node]), count = _counts[depth], end = endOf[node];
            int plain = _plain[depth] + (IsContinuation(bytes[node]) ? 0 : 1);
            if (next >= 0)
            {
                if (automaton.IsBetweenCharacters(state))
                    count++;
                ulong lengths = automaton.LengthsAhead(next);
                if (Dfa.HasLength(lengths, least - count, most - count))
                {
                    if (tree.TokenAt(node) is >= 0 and var id)
                        inside[id / 64] |= 1UL << id;
                    if (next != looping)
                        (looping, loop) = (next, automaton.Loop(next));
                    if ((groups[node] & ~loop) == 0)
                    {
                        // What is plain in a token may here have ended an escape: its characters are those counted and those behind the node.
                        foreach (int below in tree.TokensOf(node + 1, end))
                        {
                            int characters = count + _vocabulary.CharactersOf(below) - plain;
                            if (Dfa.HasLength(lengths, least - characters, most - characters))
                                inside[below / 64] |= 1UL << below;
                        }
                    }
                    else
                    {
                        depth++;
                        _states[depth] = next;
                        (_counts[depth], _plain[depth]) = (count, plain);
                        _endOf[depth] = end;
                        end = node + 1;
                    }
                }
            }
            else if (Automaton.IsFinal(next) && count >= least)
            {
                ends.Add(new LeafEnd(tree, node, Automaton.TagOf(next)));
            }

            node = end;
        }
    }

    private static bool IsContinuation(byte value) => (value & 0xC0) == 0x80;

    private LeafMask Packed(Automaton automaton, ulong[] inside, List<LeafEnd> ends)
    {
        int count = 0;
        foreach (ulong word in inside)
            count += BitOperations.PopCount(word);
        return new LeafMask
        {
            Inside = count > FewTokens ? inside : null,
            Few = count > FewTokens ? [] : Few(inside, count),
            Quotes = automaton is StringAutomaton ? Quotes(ends) : [],
            Ends = automaton is StringAutomaton ? [] : [.. ends],
        };
    }

    private QuoteMask[] Quotes(List<LeafEnd> ends)
    {
        var masks = new List<QuoteMask>();
        foreach (LeafEnd end in ends)
        {
            int of = masks.FindIndex(mask => mask.Tag == end.Tag);
            if (of < 0)
            {
                of = masks.Count;
                masks.Add(new QuoteMask(end.Tag, new ulong[_vocabulary.Quotes.Words]));
            }

            foreach (int place in _vocabulary.Quotes.PlacesAt(end.Tree, end.Node))
                masks[of].Places[place / 64] |= 1UL << place;
        }

        return [.. masks];
    }

    private static int[] Few(ulong[] inside, int count)
    {
        int[] few = new int[count];
        for (int word = 0, at = 0; word < inside.Length; word++)
        {
            for (ulong bits = inside[word]; bits != 0; bits &= bits - 1)
                few[at++] = word * 64 + BitOperations.TrailingZeroCount(bits);
        }
        return few;
    }
}
