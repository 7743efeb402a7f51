namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>A list of byte strings; the tag of each is its place in the list it was made from.</summary>
/// <remarks>A state is a range of the sorted list and how many bytes all of it has in common.</remarks>
internal sealed class LiteralAutomaton : Automaton<LiteralAutomaton.State>
{
    private readonly byte[][] _texts;                   // sorted
    private readonly int[] _tags;

    internal readonly record struct State(int From, int To, int Depth);

    /// <param name="texts">At least one, all different, none empty.</param>
    internal LiteralAutomaton(IReadOnlyList<byte[]> texts) : this(texts, Classes256(texts)) { }

    private LiteralAutomaton(IReadOnlyList<byte[]> texts, ByteClasses classes) : base(classes.Of256, classes.Count)
    {
        _texts = [.. texts];
        _tags = [.. Enumerable.Range(0, texts.Count)];
        Shortest = _texts.Min(text => text.Length);
        Array.Sort(_texts, _tags, Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y)));
        NumberOf(new State(0, _texts.Length, 0));
    }

    /// <summary>Whether some of the texts are strings.</summary>
    internal bool HasStrings => Array.Exists(_texts, text => text[0] == '"');

    /// <summary>Whether some of the texts are numbers.</summary>
    internal bool HasNumbers => Array.Exists(_texts, text => text[0] is (byte)'-' or (>= (byte)'0' and <= (byte)'9'));

    /// <summary>Bytes of the shortest text.</summary>
    internal int Shortest { get; }

    internal override bool EndsOpenly => true;

    internal override bool MayEnd(int state) => ValueOf(state) is var value && _texts[value.From].Length == value.Depth;

    internal override long TextsAhead(int state) => ValueOf(state) is var value ? value.To - value.From : 0;

    /// <summary>The bytes that all texts from a state have in common, up to where one ends or they part.</summary>
    internal byte[] ForcedFrom(int state)
    {
        State value = ValueOf(state);
        if (_texts[value.From].Length == value.Depth)
            return [];
        int common = _texts[value.From].AsSpan(value.Depth).CommonPrefixLength(_texts[value.To - 1].AsSpan(value.Depth));
        return _texts[value.From].AsSpan(value.Depth, common).ToArray();
    }

    /// <summary>The rest of the shortest text from a state, and which it is.</summary>
    internal byte[] ShortestFrom(int state, out int tag)
    {
        State value = ValueOf(state);
        int best = value.From;
        for (int i = value.From; i < value.To; i++)
        {
            if (_texts[i].Length < _texts[best].Length)
                best = i;
        }
        tag = _tags[best];
        return _texts[best][value.Depth..];
    }

    protected override int Find(int state, byte value)
    {
        State before = ValueOf(state);
        int from = before.From;
        if (_texts[from].Length == before.Depth)
            from++;                // ends here; it sorts before what it begins
        int first = FirstFrom(from, before.To, before.Depth, value), end = FirstFrom(first, before.To, before.Depth, value + 1);
        if (first == end)
            return Dead;
        bool isLast = end == first + 1 && _texts[first].Length == before.Depth + 1;
        return isLast ? Final(_tags[first]) : NumberOf(new State(first, end, before.Depth + 1));
    }

    // The first text in the range whose byte at the depth is at least so.
    private int FirstFrom(int from, int to, int depth, int value)
    {
        while (from < to)
        {
            int middle = (from + to) / 2;
            if (_texts[middle][depth] < value)
                from = middle + 1;
            else
                to = middle;
        }

        return from;
    }

    private static ByteClasses Classes256(IReadOnlyList<byte[]> texts)
    {
        bool[] used = new bool[256];
        foreach (byte[] text in texts)
        {
            foreach (byte value in text)
                used[value] = true;
        }
        return ByteClasses.Of(value => used[value] ? value : -1);
    }
}
