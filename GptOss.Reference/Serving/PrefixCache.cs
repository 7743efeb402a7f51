using System.Runtime.InteropServices;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Serving;

/// <summary>
/// Sequences of prompts and answers that were computed before, for requests that begin alike. A hit is a fork: pages are shared, and no
/// bit of a result depends on it. The least recently used go when the bytes are used up. Not thread-safe.
/// </summary>
/// <param name="maxBytes">Bytes of keys and values that may be kept.</param>
/// <param name="pageBytes">Bytes of a page of the model's caches.</param>
internal sealed class PrefixCache(long maxBytes, long pageBytes)
{
    private const int Tries = 4;                                         // of entries that could match best
    private readonly LinkedList<Entry> _entries = new();                 // the most recently used first
    private readonly Dictionary<CachePage, int> _pages = [];             // by how many entries each is held

    /// <summary>Bytes kept; a page that several entries share counts once.</summary>
    internal long Bytes => _pages.Count * pageBytes;

    /// <summary>A sequence that holds the longest known beginning of a prompt, which stays at least one token short; null for none.</summary>
    internal Sequence? Find(ReadOnlySpan<int> prompt)
    {
        var candidates = new List<(int Common, LinkedListNode<Entry> Node)>();
        for (LinkedListNode<Entry>? node = _entries.First; node is not null; node = node.Next)
        {
            int common = Math.Min(node.Value.Ids.AsSpan().CommonPrefixLength(prompt), prompt.Length - 1);
            if (common > 0)
                candidates.Add((common, node));
        }

        Sequence? best = null;
        LinkedListNode<Entry>? used = null;
        foreach ((int common, LinkedListNode<Entry> node) in candidates.OrderByDescending(candidate => candidate.Common).Take(Tries))
        {
            if (best is not null && best.Length >= common)
                break;
            Sequence fork = node.Value.Sequence.Fork();
            // The rings of sliding layers go back only so far: the length may become shorter than what is common.
            if (fork.Truncate(common) > (best?.Length ?? 0))
            {
                best?.Dispose();
                (best, used) = (fork, node);
            }
            else
            {
                fork.Dispose();
            }
        }

        if (used is not null)
        {
            _entries.Remove(used);
            _entries.AddFirst(used);
        }

        return best;
    }

    /// <summary>Keeps what a sequence holds, if it is more than what is kept already.</summary>
    internal void Keep(ReadOnlySpan<int> ids, Sequence sequence)
    {
        ids = ids[..sequence.Length];
        if (ids.IsEmpty || maxBytes == 0)
            return;
        for (LinkedListNode<Entry>? node = _entries.First; node is not null;)
        {
            LinkedListNode<Entry>? next = node.Next;
            // An entry that the new one continues adds nothing, unless the rings have moved on too far to go back to it.
            if (node.Value.Ids.AsSpan().SequenceEqual(ids))
                Remove(node);
            node = next;
        }

        var entry = new Entry(ids.ToArray(), sequence.Fork());
        foreach (CachePage page in entry.Sequence.Pages)
            CollectionsMarshal.GetValueRefOrAddDefault(_pages, page, out _)++;
        _entries.AddFirst(entry);
        while (Bytes > maxBytes)
            Remove(_entries.Last!);
    }

    /// <summary>Lets go of everything.</summary>
    internal void Clear()
    {
        while (_entries.Last is { } last)
            Remove(last);
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node);
        foreach (CachePage page in node.Value.Sequence.Pages)
        {
            if (--CollectionsMarshal.GetValueRefOrNullRef(_pages, page) == 0)
                _pages.Remove(page);
        }

        node.Value.Sequence.Dispose();
    }

    private sealed record Entry(int[] Ids, Sequence Sequence);
}
