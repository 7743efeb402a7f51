using System.Collections.Concurrent;
using System.Numerics;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>An object: declared keys in their order, then free ones.</summary>
internal sealed class ObjectNode
{
    /// <summary>The most keys that may come in any order.</summary>
    internal const int MostUnordered = 64;

    private readonly ConcurrentDictionary<(int From, int To, ulong Unused, bool Free), Leaf> _keys = [];
    private readonly int[] _nextRequired;               // of the ordered keys from each index on; their number for none
    private readonly int[] _requiredFrom;

    /// <param name="keys">Declared keys that may come, in their order.</param>
    /// <param name="ordered">How many of them have an order; those behind come in any, and are all required.</param>
    /// <param name="excluded">Keys that may not come, though a free key could be so.</param>
    internal ObjectNode(DeclaredKey[] keys, int ordered, IEnumerable<byte[]> excluded)
    {
        (Keys, Ordered) = (keys, ordered);
        SortedKeys = [.. keys.Select((key, number) => (key.Text, number)), .. excluded.Select(text => (text, -1))];
        Array.Sort(SortedKeys, static (x, y) => x.Text.AsSpan().SequenceCompareTo(y.Text));
        _nextRequired = new int[ordered + 1];
        _requiredFrom = new int[ordered + 1];
        _nextRequired[ordered] = ordered;
        for (int i = ordered - 1; i >= 0; i--)
        {
            _nextRequired[i] = keys[i].IsRequired ? i : _nextRequired[i + 1];
            _requiredFrom[i] = _requiredFrom[i + 1] + (keys[i].IsRequired ? 1 : 0);
        }
    }

    internal DeclaredKey[] Keys { get; }

    /// <summary>About how many bytes the shortest object has.</summary>
    internal int Cost { get; init; }

    /// <summary>All declared and excluded keys in the order of their texts, with the declared ones' numbers and −1 for the others.</summary>
    internal (byte[] Text, int Number)[] SortedKeys { get; }

    /// <summary>How many of the keys come in their order.</summary>
    internal int Ordered { get; }

    /// <summary>The least number of keys, declared and free.</summary>
    internal int Least { get; init; }

    internal int Most { get; init; } = int.MaxValue;

    /// <summary>Other keys: the strings of an automaton, whose tags choose among <see cref="FreeValues"/>; null for none.</summary>
    internal StringAutomaton? FreeKeys { get; init; }

    internal ValueNode[] FreeValues { get; init; } = [];

    /// <summary>How many different free keys there are.</summary>
    internal long FreeCount => FreeKeys?.TextsAhead(FreeKeys.Start) ?? 0;

    /// <summary>Whether the object may end.</summary>
    internal bool MayClose(Frame frame) => frame.Count >= Least && _nextRequired[frame.Index] == Ordered && Unused(frame) == 0;

    /// <summary>The keys that may come next, without their opening quote; null for none.</summary>
    internal Leaf? NextKeys(Frame frame)
    {
        if (frame.Count >= Most) return null;
        ulong unused = Unused(frame);
        int from = frame.Index, required = _nextRequired[from], to = Math.Min(required, Ordered - 1), left = BitOperations.PopCount(unused);

        // Ordered keys from the next one on to the first that is required; nothing that would leave no room for what is required, nor so few that
        // the least number is out of reach.
        bool isFull = Most < int.MaxValue && frame.Count + 1 + _requiredFrom[from] + left > Most;
        if (isFull) from = required;
        long spare = FreeCount - (frame.Seen?.Count ?? 0), reach = frame.Count + left + Math.Min(spare, int.MaxValue) - Least;
        if (FreeCount < long.MaxValue && Least > 0) to = (int)Math.Min(to, reach + Ordered);
        bool behind = required == Ordered && (FreeCount == long.MaxValue || reach >= 0);
        if (!behind) unused = 0;
        bool free = behind && left == 0 && spare > 0;
        if (from > to && unused == 0 && !free) return null;
        return _keys.GetOrAdd((from, to, unused, free), static (range, node) =>
            new Leaf(new KeyAutomaton(node, j => j < node.Ordered ? j >= range.From && j <= range.To : (range.Unused >> j - node.Ordered & 1) != 0,
                range.Free)), this);
    }

    /// <summary>
    /// Of the declared keys that may come next the one that lets the object end soonest; null if there is none, or if a free key must come.
    /// </summary>
    internal int? CheapestNext(Frame frame)
    {
        if (NextKeys(frame)?.Automaton is not KeyAutomaton keys) return null;
        int[] numbers = [.. keys.ListedAt(keys.Start).Select(key => key.Number).Where(number => number >= 0)];
        if (numbers.Length == 0) return null;

        // Where the required keys are enough, the first of them; it is the last of those that may come.
        int required = _requiredFrom[frame.Index] + BitOperations.PopCount(Unused(frame));
        return required > 0 && frame.Count + required >= Least
            ? numbers.Where(number => Keys[number].IsRequired).Min()
            : numbers.MinBy(number => Keys[number].Value.Cost);
    }

    /// <summary>The frame once a key has been read, whose value comes next.</summary>
    /// <param name="frame">The object before the key.</param>
    /// <param name="tag">What the automaton of <see cref="NextKeys"/> said.</param>
    /// <param name="text">The key, if free ones were among them.</param>
    internal Frame WithKey(Frame frame, int tag, TextHash? text)
    {
        bool isFree = tag >= Keys.Length;
        return new Frame(this, frame.Below)
        {
            Index = Math.Min(tag + 1, Ordered),
            Count = frame.Count + 1,
            Used = tag >= Ordered && !isFree ? frame.Used | 1UL << tag - Ordered : frame.Used,
            Seen = isFree ? Seen.With(frame.Seen, text!) : frame.Seen,
            Value = isFree ? FreeValues[tag - Keys.Length] : Keys[tag].Value,
        };
    }

    // The unordered keys that have not come yet, which all must.
    private ulong Unused(Frame frame) => Keys.Length == Ordered ? 0 : ~frame.Used & ulong.MaxValue >> MostUnordered - (Keys.Length - Ordered);
}

/// <summary>A declared key.</summary>
/// <param name="Text">Its spelling in JSON, without the opening quote and with the closing one.</param>
/// <param name="Value">What it holds.</param>
/// <param name="IsRequired">Whether it must come.</param>
internal readonly record struct DeclaredKey(byte[] Text, ValueNode Value, bool IsRequired);
