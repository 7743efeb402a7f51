using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>Fills masks: the tokens whose bytes some reading can take in turn. Holds its buffers; for one thread.</summary>
internal sealed class MaskBuilder(Vocabulary vocabulary)
{
    // The bytes that can come between two leaves.
    private static readonly bool[] IsBetween = [.. Enumerable.Range(0, 256).Select(value => " \n,:{}[]\"-0123456789tfn".Contains((char)value))];

    private readonly Stack<ConfigSet> _spare = new();
    private readonly List<int> _found = [];
    private (LeafMask? Mask, Frame[]? Tops, int[] Tokens) _last = (null, null, []);

    /// <summary>How many nodes of trees of tokens all masks so far have looked at, without those of masks that are kept.</summary>
    internal long Steps { get; private set; }

    /// <summary>Sets the bits of the tokens that may follow some readings; leaves the others as they are.</summary>
    internal void Fill(ReadOnlySpan<Config> configs, Span<ulong> mask)
    {
        foreach (Config config in configs)
        {
            _found.Clear();
            if (config.Leaf is null || !TryFillFromLeaf(config, mask))
                Walk(vocabulary.All, 0, vocabulary.All.Count, config);
            Set(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_found), mask);
        }
    }

    // False if every byte has to be looked at: where few texts are left some of which may have come.
    private bool TryFillFromLeaf(in Config config, Span<ulong> mask)
    {
        Automaton automaton = config.Leaf!.Automaton;
        if (config.Hash is not null
            && (automaton.TextsAhead(config.State) < long.MaxValue || automaton is not (StringAutomaton or KeyAutomaton)))
        {
            return false;
        }

        LeafMask known = LeafWalk.MaskOf(config, vocabulary);
        if (known.Inside is { } inside)
        {
            for (int word = 0; word < inside.Length; word++)
                mask[word] |= inside[word];
        }
        Set(known.Few, mask);

        // The rest depends on what the leaf is in, which stays as it is from one token of the leaf to the next.
        if (config.Hash is null && _last.Mask == known && _last.Tops == config.Tops)
        {
            Set(_last.Tokens, mask);
            return true;
        }

        int[] except = Except(config, known);
        ConfigSet behind = Rent();
        foreach (QuoteMask quotes in known.Quotes)
            AddQuotes(config, quotes, except, behind);
        int? tag = null;
        Span<bool> begins = stackalloc bool[256];
        foreach (LeafEnd end in known.Ends)
        {
            // What follows depends on what ended, not on where in a token: a number may end at a hundred nodes, each with digits below.
            if (end.Tag != tag)
            {
                tag = end.Tag;
                FindBehind(config, end.Tag, behind, begins);
            }
            if (end.Tag >= 0 && behind.Count > 0 && end.Tree.TokenAt(end.Node) is >= 0 and var id)
                _found.Add(id);
            WalkBelow(end, behind, begins);
        }

        _spare.Push(behind);
        if (config.Hash is null)
            _last = (known, config.Tops, [.. _found]);
        return true;
    }

    // The readings behind the end of a leaf, and the bytes that one of them can take.
    private void FindBehind(in Config config, int tag, ConfigSet behind, Span<bool> begins)
    {
        behind.Clear();
        if (tag >= 0)
            Machine.EndLeaf(config, tag, null, behind);
        else
            Machine.EndValue(config, null, behind);
        ConfigSet next = Rent();
        for (int value = 0; value < begins.Length; value++)
        {
            next.Clear();
            foreach (Config after in behind.Configs)
            {
                if (after.Leaf is not null || IsBetween[value])
                    Machine.Step(after, (byte)value, next);
            }
            begins[value] = next.Count > 0;
        }

        _spare.Push(next);
    }

    private void WalkBelow(LeafEnd end, ConfigSet behind, ReadOnlySpan<bool> begins)
    {
        ReadOnlySpan<byte> bytes = end.Tree.Bytes;
        ReadOnlySpan<int> ends = end.Tree.Ends;
        int last = end.Node < 0 ? end.Tree.Count : ends[end.Node];
        for (int node = end.Node + 1; node < last; node = ends[node])
        {
            if (!begins[bytes[node]])
                continue;
            foreach (Config after in behind.Configs)
                Walk(end.Tree, node, ends[node], after);
        }
    }

    private void AddQuotes(in Config config, QuoteMask quotes, int[] except, ConfigSet behind)
    {
        behind.Clear();

        // Which of the texts it is that end here is of no matter to what these tokens hold.
        Machine.EndLeaf(config, quotes.Tag, config.Hash is null ? null : TextHash.Unknown, behind);
        if (behind.Count == 0)
            return;
        QuoteEnds ends = vocabulary.Quotes;
        int first = _found.Count;
        foreach (Config after in behind.Configs)
            Walk(ends.Tree, 0, ends.Tree.Count, after);
        int[] numbers = [.. _found[first..]];
        _found.RemoveRange(first, _found.Count - first);
        AddPlaces(ends.Last, quotes, except, ends);
        foreach (int number in numbers)
            AddPlaces(ends.PlacesOf(number), quotes, except, ends);
        foreach (int place in ends.Singles)
        {
            if (Has(quotes, place) && Array.BinarySearch(except, ends.TokenOf(place)) < 0
                && Takes(config, vocabulary.BytesOf(ends.TokenOf(place)).Span))
            {
                _found.Add(ends.TokenOf(place));
            }
        }
    }

    private void AddPlaces(int[] places, QuoteMask quotes, int[] except, QuoteEnds ends)
    {
        foreach (int place in places)
        {
            if (Has(quotes, place) && (except.Length == 0 || Array.BinarySearch(except, ends.TokenOf(place)) < 0))
                _found.Add(ends.TokenOf(place));
        }
    }

    private static bool Has(QuoteMask quotes, int place) => (quotes.Places[place / 64] >> place & 1) != 0;

    // Tokens that would end the leaf in a text that may not come: those of the mask, and those that have come already.
    private int[] Except(in Config config, LeafMask known)
    {
        if (config.Hash is not { } hash || !Array.Exists(config.Tops, top => top.Seen is not null))
            return known.Except;
        var except = new SortedSet<int>(known.Except);
        foreach (Frame top in config.Tops)
        {
            if (top.Seen is { } seen)
                AddSeen(0, vocabulary.Quotes.Beginnings.Count, hash.Value, seen, except);
        }

        return [.. except];
    }

    // Between two nodes of one depth: the tokens with a quote that ends a text that has come. Looks only where such a text and a token go together.
    private void AddSeen(int from, int to, ulong hash, Seen seen, SortedSet<int> tokens)
    {
        TokenTrie tree = vocabulary.Quotes.Beginnings, all = vocabulary.All;
        for (int node = from; node < to; node = tree.Ends[node])
        {
            Steps++;
            ulong longer = TextHash.After(hash, tree.Bytes[node]);
            if (seen.CountOf(longer) == 0)
                continue;
            if (tree.TokenAt(node) is >= 0 and var end && seen.Contains(longer))
                tokens.UnionWith(all.TokensOf(end, all.Ends[end]).ToArray());
            AddSeen(node + 1, tree.Ends[node], longer, seen, tokens);
        }
    }

    // Between two nodes of one depth, everything a reading can take.
    private void Walk(TokenTrie tree, int from, int to, in Config config)
    {
        ReadOnlySpan<byte> bytes = tree.Bytes;
        ReadOnlySpan<int> ends = tree.Ends;
        ConfigSet next = Rent();
        for (int node = from; node < to; node = ends[node])
        {
            Steps++;
            if (config.Leaf is null && !IsBetween[bytes[node]])
                continue;
            next.Clear();
            Machine.Step(config, bytes[node], next);
            if (next.Count == 0)
                continue;
            if (tree.TokenAt(node) is >= 0 and var id)
                _found.Add(id);
            if (ends[node] == node + 1)
                continue;
            foreach (Config after in next.Configs)
                Walk(tree, node + 1, ends[node], after);
        }

        _spare.Push(next);
    }

    private bool Takes(in Config config, ReadOnlySpan<byte> bytes)
    {
        ConfigSet now = Rent(), next = Rent();
        now.Clear();
        now.Add(config);
        foreach (byte value in bytes)
        {
            next.Clear();
            foreach (Config reading in now.Configs)
                Machine.Step(reading, value, next);
            (now, next) = (next, now);
        }

        bool takes = now.Count > 0;
        _spare.Push(now);
        _spare.Push(next);
        return takes;
    }

    private static void Set(ReadOnlySpan<int> ids, Span<ulong> mask)
    {
        foreach (int id in ids)
            mask[id / 64] |= 1UL << id;
    }

    private ConfigSet Rent() => _spare.TryPop(out ConfigSet? set) ? set : new ConfigSet();
}
