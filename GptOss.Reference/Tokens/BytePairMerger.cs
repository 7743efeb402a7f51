namespace GptOss.Reference.Tokens;

/// <summary>
/// Byte-pair merging of one piece: it begins as single bytes; then the adjacent pair whose joined bytes have the lowest id becomes
/// one symbol, the leftmost of equal ones, and so on until no pair is a token.
/// </summary>
/// <remarks>
/// <para>Ids are ranks: the lower, the earlier a merge was learned from text, so merging in this order repeats the training.</para>
/// <code>
/// l o w e r     lo = 300, we = 310, er = 320, low = 400
/// lo w e r      lo is the lowest of lo, we, er
/// lo we r       we (310) comes before low (400), and er has lost its e
/// </code>
/// <para>Symbols form a linked list over byte positions, and candidate pairs wait in a heap, so a piece of n bytes costs O(n log n): a million
/// letters are one piece. A heap entry that no longer describes the pair at its position is skipped when it comes up; the pair at a position
/// only ever grows, so an equal id means the same pair. Keeps its buffers between pieces. Not thread-safe.</para>
/// <para>Source: <c>tiktoken</c>, <c>byte_pair_merge</c>, for the order.</para>
/// </remarks>
internal sealed class BytePairMerger(TokenTable table)
{
    private const int NoPair = -1;

    private readonly PriorityQueue<int, long> _candidates = new();
    private int[] _next = [];       // start of the symbol after the one that starts here; the piece's length for the last
    private int[] _previous = [];   // start of the symbol before; −1 for the first
    private int[] _id = [];         // token of the symbol that starts here
    private int[] _pair = [];       // token made of this symbol and the next, or NoPair

    /// <summary>Appends the ids of <paramref name="piece"/> (UTF-8 bytes, at least one) to <paramref name="ids"/>.</summary>
    internal void Merge(ReadOnlySpan<byte> piece, List<int> ids)
    {
        Start(piece);
        while (_candidates.TryDequeue(out int left, out long key))
        {
            if (_pair[left] != (int)(key >> 32))
                continue;
            Join(piece, left);
        }
        for (int at = 0; at < piece.Length; at = _next[at])
            ids.Add(_id[at]);
    }

    private void Start(ReadOnlySpan<byte> piece)
    {
        int length = piece.Length;
        if (_next.Length < length)
        {
            int capacity = Math.Max(length, 256);
            _next = new int[capacity];
            _previous = new int[capacity];
            _id = new int[capacity];
            _pair = new int[capacity];
        }

        for (int at = 0; at < length; at++)
        {
            _next[at] = at + 1;
            _previous[at] = at - 1;
            _id[at] = table.ByteId(piece[at]);
        }

        _candidates.Clear();
        for (int at = 0; at < length; at++)
            Offer(piece, at);
    }

    private void Join(ReadOnlySpan<byte> piece, int left)
    {
        int right = _next[left];
        _id[left] = _pair[left];
        _pair[right] = NoPair;
        _next[left] = _next[right];
        if (_next[left] < piece.Length)
            _previous[_next[left]] = left;
        Offer(piece, left);
        if (_previous[left] >= 0)
            Offer(piece, _previous[left]);
    }

    private void Offer(ReadOnlySpan<byte> piece, int left)
    {
        int right = _next[left];
        _pair[left] = right < piece.Length ? table.Find(piece[left.._next[right]]) : NoPair;
        if (_pair[left] != NoPair)
            _candidates.Enqueue(left, (long)_pair[left] << 32 | (uint)left);
    }
}
