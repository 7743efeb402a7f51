using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>Tokens as a tree of their bytes, in arrays in depth-first order: what is below a node follows it.</summary>
internal sealed class TokenTrie
{
    /// <summary>No token ends at a node.</summary>
    internal const int NoToken = -1;

    private readonly byte[] _bytes;
    private readonly int[] _ends;
    private readonly int[] _first;                      // how many tokens end at nodes before each
    private readonly int[] _tokens;                     // in the order of their nodes
    private readonly uint[] _groups;

    /// <param name="tokens">Ids with their bytes, none empty, none twice; in ascending order of the bytes.</param>
    /// <param name="isPlain">Whether a token is plain content of a string; null where no one asks for <see cref="Groups"/>.</param>
    internal TokenTrie(IReadOnlyList<(int Id, ReadOnlyMemory<byte> Bytes)> tokens, Func<int, bool>? isPlain = null)
    {
        var bytes = new List<byte>(2 * tokens.Count);
        var ends = new List<int>(2 * tokens.Count);
        var first = new List<int>(2 * tokens.Count);
        var path = new Stack<int>();
        _tokens = new int[tokens.Count];
        ReadOnlySpan<byte> before = default;
        for (int i = 0; i < tokens.Count; i++)
        {
            ReadOnlySpan<byte> now = tokens[i].Bytes.Span;
            _tokens[i] = tokens[i].Id;
            int common = before.CommonPrefixLength(now);
            while (path.Count > common) ends[path.Pop()] = bytes.Count;
            for (int depth = common; depth < now.Length; depth++)
            {
                path.Push(bytes.Count);
                bytes.Add(now[depth]);
                ends.Add(0);
                first.Add(i);
            }

            before = now;
        }

        while (path.Count > 0) ends[path.Pop()] = bytes.Count;
        first.Add(tokens.Count);
        (_bytes, _ends, _first) = ([.. bytes], [.. ends], [.. first]);
        _groups = isPlain is null ? [] : GroupsBelow(isPlain);
    }

    /// <summary>The number of nodes.</summary>
    internal int Count => _bytes.Length;

    /// <summary>The byte that leads to each node.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The first node that is not below a node, which is its next brother if there is one.</summary>
    internal ReadOnlySpan<int> Ends => _ends;

    /// <summary>
    /// The groups of characters (<see cref="CharGroups"/>) of everything below a node; <see cref="CharGroups.Never"/> if a token is not plain.
    /// </summary>
    internal ReadOnlySpan<uint> Groups => _groups;

    /// <summary>The token that ends at a node, or <see cref="NoToken"/>.</summary>
    internal int TokenAt(int node) => _first[node] < _first[node + 1] ? _tokens[_first[node]] : NoToken;

    /// <summary>The tokens that end at nodes from one to before another: with a node's <see cref="Ends"/>, those that begin as it does.</summary>
    internal ReadOnlySpan<int> TokensOf(int from, int to) => _tokens.AsSpan(_first[from].._first[to]);

    /// <summary>The node of some bytes, −1 if no token begins so.</summary>
    internal int Find(ReadOnlySpan<byte> text)
    {
        int node = -1, from = 0, to = Count;
        foreach (byte value in text)
        {
            for (node = from; node < to && _bytes[node] != value;) node = _ends[node];
            if (node >= to) return -1;
            (from, to) = (node + 1, _ends[node]);
        }

        return node;
    }

    private uint[] GroupsBelow(Func<int, bool> isPlain)
    {
        uint[] groups = new uint[_bytes.Length];
        for (int node = groups.Length - 1; node >= 0; node--)
        {
            for (int child = node + 1; child < _ends[node]; child = _ends[child])
            {
                bool isOdd = TokenAt(child) is >= 0 and var id && !isPlain(id);
                groups[node] |= groups[child] | CharGroups.OfByte(_bytes[child]) | (isOdd ? CharGroups.Never : 0);
            }
        }

        return groups;
    }
}
