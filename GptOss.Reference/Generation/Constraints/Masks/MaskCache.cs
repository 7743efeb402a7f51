using System.Collections.Concurrent;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>Masks of leaves by state, shared by all continuations. Bounded: those used least recently go.</summary>
internal sealed class MaskCache
{
    private const long MostBytes = 64 << 20;

    private readonly ConcurrentDictionary<Key, Entry> _entries = [];
    private long _bytes;
    private long _now;

    /// <summary>A state of an automaton, with how many characters at least and at most may still come.</summary>
    internal readonly record struct Key(Automaton Automaton, int State, int Least, int Most);

    /// <summary>The mask of a state, made if it is not known.</summary>
    internal LeafMask Get(Key key, Vocabulary vocabulary, Func<Key, Vocabulary, LeafMask> make)
    {
        if (!_entries.TryGetValue(key, out Entry? entry))
        {
            entry = new Entry(make(key, vocabulary));
            if (_entries.TryAdd(key, entry) && Interlocked.Add(ref _bytes, entry.Mask.Bytes) > MostBytes) Shrink();
        }

        entry.Used = Interlocked.Increment(ref _now);
        return entry.Mask;
    }

    // To three quarters, so that it does not happen at every mask.
    private void Shrink()
    {
        lock (_entries)
        {
            foreach (KeyValuePair<Key, Entry> oldest in _entries.OrderBy(pair => Volatile.Read(ref pair.Value.Used)))
            {
                if (Interlocked.Read(ref _bytes) <= MostBytes / 4 * 3) break;
                if (_entries.TryRemove(oldest)) Interlocked.Add(ref _bytes, -oldest.Value.Mask.Bytes);
            }
        }
    }

    private sealed class Entry(LeafMask mask)
    {
        internal long Used;

        internal LeafMask Mask { get; } = mask;
    }
}
