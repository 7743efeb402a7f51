using System.Collections.Concurrent;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>The keys that may come at one point of an object, without their opening quote: some declared ones, and perhaps free ones.</summary>
/// <remarks>
/// Every key has one spelling, so that two texts are the same key only if they are the same bytes. A state is where one is in the sorted list of
/// declared and excluded keys, and in the automaton of free ones. The tag of a free key is that automaton's, plus the number of declared keys.
/// </remarks>
internal sealed class KeyAutomaton : Automaton<KeyAutomaton.State>
{
    private readonly ObjectNode _node;
    private readonly StringAutomaton? _free;
    private readonly byte[][] _texts;                   // sorted
    private readonly int[] _numbers;                    // of declared keys that may come; −1 for all others
    private readonly int[] _allowedBefore;              // how many of the first texts may come
    private readonly ConcurrentDictionary<int, long> _textsAhead = [];

    internal readonly record struct State(int From, int To, int Depth, int Free);

    /// <param name="node">The object.</param>
    /// <param name="mayCome">Which declared keys may come.</param>
    /// <param name="free">Whether free ones may.</param>
    internal KeyAutomaton(ObjectNode node, Func<int, bool> mayCome, bool free)
        : this(node, [.. node.SortedKeys.Where(key => free || (key.Number >= 0 && mayCome(key.Number)))], mayCome, free ? node.FreeKeys : null) { }

    private KeyAutomaton(ObjectNode node, (byte[] Text, int Number)[] keys, Func<int, bool> mayCome, StringAutomaton? free)
        : this(node, keys, mayCome, free, ClassesOf(keys, free)) { }

    private KeyAutomaton(ObjectNode node, (byte[] Text, int Number)[] keys, Func<int, bool> mayCome, StringAutomaton? free, ByteClasses classes)
        : base(classes.Of256, classes.Count)
    {
        (_node, _free) = (node, free);
        _texts = [.. keys.Select(key => key.Text)];
        _numbers = [.. keys.Select(key => key.Number >= 0 && mayCome(key.Number) ? key.Number : -1)];
        _allowedBefore = new int[keys.Length + 1];
        for (int i = 0; i < keys.Length; i++)
            _allowedBefore[i + 1] = _allowedBefore[i] + (_numbers[i] >= 0 ? 1 : 0);
        NumberOf(new State(0, keys.Length, 0, _free?.Next(_free.Start, (byte)'"') ?? Dead));
    }

    /// <summary>Whether free keys are among them, so that one may have come before.</summary>
    internal bool HasFree => _free is not null;

    /// <summary>The automaton of free keys, where they may come.</summary>
    internal StringAutomaton? Free => _free;

    /// <summary>The number that the tags of free keys begin at.</summary>
    internal int FirstFreeTag => _node.Keys.Length;

    /// <summary>The state of the free keys at a state of this, <see cref="Automaton.Dead"/> if none can come of it.</summary>
    internal int FreeAt(int state) => ValueOf(state).Free;

    /// <summary>What is left of the declared and excluded keys that begin as the state does; the number is −1 for one that may not come.</summary>
    internal IEnumerable<(ReadOnlyMemory<byte> Ending, int Number)> ListedAt(int state)
    {
        State value = ValueOf(state);
        for (int i = value.From; i < value.To; i++)
            yield return (_texts[i].AsMemory(value.Depth), _numbers[i]);
    }

    /// <summary>The shortest rest of a declared key or of a free one; null where the only free one at hand is a key that may not come.</summary>
    /// <param name="state">Where one is.</param>
    /// <param name="shortestFree">The shortest rest of a free key at a state of <see cref="Free"/>.</param>
    internal byte[]? ShortestFrom(int state, Func<StringAutomaton, int, byte[]> shortestFree)
    {
        byte[]? best = ListedAt(state).Where(key => key.Number >= 0).Select(key => key.Ending.ToArray()).MinBy(ending => ending.Length);
        if (FreeAt(state) is not (>= 0 and var free))
            return best;
        byte[] text = shortestFree(_free!, free);
        return (best is null || text.Length < best.Length) && Takes(state, text) ? text : best;
    }

    private bool Takes(int state, byte[] text)
    {
        foreach (byte value in text)
        {
            if (state < 0)
                return false;
            state = Next(state, value);
        }
        return IsFinal(state);
    }

    internal override long TextsAhead(int state)
    {
        State value = ValueOf(state);
        if (value.Free >= 0 && _free!.TextsAhead(value.Free) == long.MaxValue)
            return long.MaxValue;
        if (value.Free < 0)
            return _allowedBefore[value.To] - _allowedBefore[value.From];
        return _textsAhead.TryGetValue(state, out long texts) ? texts : _textsAhead[state] = Count(state);
    }

    protected override int Find(int state, byte value)
    {
        State before = ValueOf(state);
        int free = before.Free >= 0 ? _free!.Next(before.Free, value) : Dead;
        int from = FirstFrom(before.From, before.To, before.Depth, value), to = FirstFrom(from, before.To, before.Depth, value + 1);
        if (from == to)
            return IsFinal(free) ? Final(_node.Keys.Length + TagOf(free)) : free >= 0 ? NumberOf(new State(0, 0, 0, free)) : Dead;

        // A declared key takes the place of the free one that is the same; an excluded one forbids it.
        if (_texts[from].Length == before.Depth + 1)
            return _numbers[from] >= 0 ? Final(_numbers[from]) : Dead;
        var next = new State(from, to, before.Depth + 1, IsFinal(free) ? Dead : free);
        return HasTexts(next) ? NumberOf(next) : Dead;
    }

    // Where only finitely many free keys go on, all of them may be excluded.
    private bool HasTexts(State state) =>
        _allowedBefore[state.To] > _allowedBefore[state.From]
            || (state.Free >= 0 && (_free!.TextsAhead(state.Free) == long.MaxValue || Count(state) > 0));

    private static ByteClasses ClassesOf((byte[] Text, int Number)[] keys, StringAutomaton? free)
    {
        bool[] used = new bool[256];
        foreach ((byte[] text, _) in keys)
        {
            foreach (byte value in text)
                used[value] = true;
        }
        return ByteClasses.Of(value => used[value] ? 256 + value : free is null ? -1 : free.ClassOf[value]);
    }

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

    private long Count(int state) => Count(ValueOf(state));

    // Free keys from here, less those that are excluded or declared, plus the declared ones that may come.
    private long Count(State value)
    {
        long texts = _free!.TextsAhead(value.Free);
        for (int i = value.From; i < value.To; i++)
        {
            if (_numbers[i] >= 0)
                texts++;
            if (FreeTakes(value.Free, _texts[i].AsSpan(value.Depth)))
                texts--;
        }

        return texts;
    }

    private bool FreeTakes(int free, ReadOnlySpan<byte> rest)
    {
        foreach (byte value in rest)
        {
            free = _free!.Next(free, value);
            if (free < 0)
                return IsFinal(free);
        }

        return false;
    }
}
