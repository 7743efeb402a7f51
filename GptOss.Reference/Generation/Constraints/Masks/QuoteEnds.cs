namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>
/// Tokens that have a quote in them, by what stands behind it: where a string or key ends inside a token, this is what its surroundings see.
/// </summary>
/// <remarks>
/// A place is a token and one of its quotes. What stands behind is the same in many, so the tree of it is small: two hundred nodes for the thousand
/// places of o200k.
/// </remarks>
internal sealed class QuoteEnds
{
    private readonly Dictionary<(TokenTrie Tree, int Node), int[]> _placesAt = [];
    private readonly int[] _tokens;                     // of places
    private readonly int[][] _groups;

    internal QuoteEnds(TokenTrie[] trees, Func<int, ReadOnlyMemory<byte>> bytesOf)
    {
        var places = new List<(int Token, int End, ReadOnlyMemory<byte> Behind)>();
        foreach (int id in trees[0].TokensOf(0, trees[0].Count))
        {
            ReadOnlyMemory<byte> bytes = bytesOf(id);
            for (int i = 0; i < bytes.Length; i++)
            {
                if (bytes.Span[i] == '"')
                    places.Add((id, i + 1, bytes[(i + 1)..]));
            }
        }

        places.Sort((x, y) => x.Behind.Span.SequenceCompareTo(y.Behind.Span) is not 0 and var order ? order : x.Token.CompareTo(y.Token));
        _tokens = [.. places.Select(place => place.Token)];

        // Behind two more quotes another key or string could have ended, which then must differ from the first.
        Singles = [.. Enumerable.Range(0, places.Count).Where(place => places[place].Behind.Span.Count((byte)'"') > 1)];
        var behind = new List<(int, ReadOnlyMemory<byte>)>();
        var groups = new List<int[]>();
        for (int from = 0, to; from < places.Count; from = to)
        {
            for (to = from + 1; to < places.Count && places[to].Behind.Span.SequenceEqual(places[from].Behind.Span);)
                to++;
            int[] group = [.. Enumerable.Range(from, to - from)];
            if (places[from].Behind.IsEmpty)
            {
                Last = group;
            }
            else if (!Singles.Contains(from))
            {
                behind.Add((groups.Count, places[from].Behind));
                groups.Add(group);
            }
        }

        Tree = new TokenTrie(behind);
        _groups = [.. groups];
        var byNode = new Dictionary<(TokenTrie, int), List<int>>();
        for (int place = 0; place < places.Count; place++)
        {
            foreach (TokenTrie tree in trees)
            {
                int node = tree.Find(bytesOf(places[place].Token).Span[..places[place].End]);
                if (node < 0)
                    continue;
                if (byNode.TryGetValue((tree, node), out List<int>? at))
                    at.Add(place);
                else
                    byNode[(tree, node)] = [place];
            }
        }

        foreach (((TokenTrie, int) node, List<int> at) in byNode)
            _placesAt[node] = [.. at];
        Beginnings = new TokenTrie([.. byNode.Where(at => at.Key.Item1 == trees[0])
            .Select(at => (at.Key.Item2, bytesOf(_tokens[at.Value[0]])[..places[at.Value[0]].End]))
            .OrderBy(text => text.Item2, Comparer<ReadOnlyMemory<byte>>.Create((x, y) => x.Span.SequenceCompareTo(y.Span)))]);
    }

    /// <summary>Places whose token ends with the quote.</summary>
    internal int[] Last { get; } = [];

    /// <summary>What stands behind quotes; its tokens are numbers for <see cref="PlacesOf"/>.</summary>
    internal TokenTrie Tree { get; }

    /// <summary>Tokens up to a quote in them; its tokens are the nodes of these in the tree of all tokens.</summary>
    internal TokenTrie Beginnings { get; }

    /// <summary>The words of 64 bits that a bit for each place takes.</summary>
    internal int Words => (_tokens.Length + 63) / 64;

    /// <summary>The token of a place.</summary>
    internal int TokenOf(int place) => _tokens[place];

    /// <summary>Places whose tokens have to be looked at byte by byte; they are not in <see cref="Tree"/>.</summary>
    internal int[] Singles { get; }

    /// <summary>The places that have the same behind them.</summary>
    internal int[] PlacesOf(int number) => _groups[number];

    /// <summary>The places of all tokens that go through a node, whose byte is a quote, at that quote.</summary>
    internal int[] PlacesAt(TokenTrie tree, int node) => _placesAt[(tree, node)];
}
