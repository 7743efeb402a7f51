using GptOss.Reference.Generation.Constraints.Grammar;

namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>The masks of keys: those of free keys, which are shared, but for the tokens that spell a declared or excluded key.</summary>
internal static class KeyMask
{
    internal static LeafMask Make(KeyAutomaton keys, int state, Vocabulary vocabulary)
    {
        int free = keys.FreeAt(state);
        LeafMask shared =
            free < 0 ? new LeafMask() : vocabulary.Masks.Get(new(keys.Free!, free, 0, int.MaxValue), vocabulary,
                static (key, vocabulary) => new LeafWalk(vocabulary).Make(key));
        var inside = new SortedSet<int>(shared.Few);
        var ends = new List<LeafEnd>();
        var except = new SortedSet<int>();
        TokenTrie tree = vocabulary.All;
        foreach ((ReadOnlyMemory<byte> rest, int number) in keys.ListedAt(state))
        {
            int node = -1, from = 0, to = tree.Count, length = 0;
            for (; length < rest.Length; length++)
            {
                for (node = from; node < to && tree.Bytes[node] != rest.Span[length];) node = tree.Ends[node];
                if (node >= to) break;
                if (number >= 0 && length < rest.Length - 1 && tree.TokenAt(node) is >= 0 and var id) inside.Add(id);
                (from, to) = (node + 1, tree.Ends[node]);
            }

            if (length < rest.Length) continue;
            if (number >= 0) ends.Add(new LeafEnd(tree, node, number));
            if (free >= 0) foreach (int id in tree.TokensOf(node, tree.Ends[node])) except.Add(id);
        }

        return new LeafMask
        {
            Inside = shared.Inside,
            Few = [.. inside],
            Quotes = [.. shared.Quotes.Select(quotes => quotes with { Tag = quotes.Tag + keys.FirstFreeTag })],
            Ends = [.. ends],
            Except = [.. except],
        };
    }
}
