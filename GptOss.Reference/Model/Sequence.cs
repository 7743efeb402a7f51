using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Model;

/// <summary>One token sequence: its length and the keys and values that its layers have cached.</summary>
/// <remarks>
/// <para>Sliding layers keep a ring of window + <see cref="ChunkTokens"/> positions, so that the first query of a chunk still finds its keys;
/// full layers keep everything. Both keep them in pages, which sequences and marks share until one of them writes: <see cref="Fork"/> and
/// <see cref="Mark"/> copy nothing.</para>
/// <para>A sequence returns its pages when it is collected; <see cref="Dispose"/> returns them at once. Not thread-safe; forks are separate
/// sequences.</para>
/// </remarks>
public sealed class Sequence : IDisposable
{
    /// <summary>Tokens that pass through the layers together; longer prompts are fed in chunks of this size.</summary>
    public const int ChunkTokens = 512;

    /// <summary>Marks that are kept; one more drops the oldest.</summary>
    public const int MostMarks = 16;

    private readonly GptOssConfig _config;
    private readonly LayerCache[] _caches;
    private readonly List<MarkedWindows> _marks = [];       // in order of length
    private bool _disposed;

    internal Sequence(Transformer owner)
    {
        (Owner, _config) = (owner, owner.Config);
        _caches = [.. Enumerable.Range(0, _config.NumHiddenLayers).Select(owner.NewCache)];
    }

    private Sequence(Sequence other)
    {
        (Owner, _config, Length) = (other.Owner, other._config, other.Length);
        _caches = [.. other._caches.Select(cache => cache.Fork(cache.FirstHeld, Length))];
        _marks.AddRange(other._marks.Select(mark =>
            new MarkedWindows(mark.Length, [.. mark.Windows.Select(window => window?.Fork(window.FirstHeld, mark.Length))])));
    }

    /// <summary>Returns the pages of a sequence that was not disposed.</summary>
    ~Sequence() => Release();

    /// <summary>Tokens so far, and so the position of the next one.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of the pages that the cache holds, including shared ones, excluding those that only marks hold.</summary>
    public long CacheBytes => _caches.Sum(cache => (long)cache.Pages.Count()) * Owner.CacheMemory.PageBytes;

    /// <summary>
    /// Bytes of the pages that only marks hold: windows that the rings have written over since. At most 9.4 MB a mark for the 20b in float32.
    /// </summary>
    public long MarkBytes
    {
        get
        {
            HashSet<CachePage> current = [.. _caches.SelectMany(cache => cache.Pages)];
            return _marks.SelectMany(mark => mark.Windows).SelectMany(window => window?.Pages ?? []).Distinct()
                .Count(page => !current.Contains(page)) * Owner.CacheMemory.PageBytes;
        }
    }

    /// <summary>Lengths that are marked, ascending.</summary>
    public IReadOnlyList<int> Marks => [.. _marks.Select(mark => mark.Length)];

    /// <summary>The pages that <see cref="CacheBytes"/> counts.</summary>
    internal IEnumerable<CachePage> Pages => _caches.SelectMany(cache => cache.Pages);

    /// <summary>The model that this sequence belongs to.</summary>
    internal Transformer Owner { get; }

    /// <summary>
    /// The most bytes by which <paramref name="tokens"/> more tokens would raise what <see cref="Transformer.CacheMemory"/> holds: new pages, and
    /// copies of shared ones.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokens"/> is negative.</exception>
    public long BytesToExtend(int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        long bytes = 0;
        foreach (LayerCache cache in _caches)
            bytes += cache.BytesToReserve(Length, checked(Length + tokens));
        return bytes;
    }

    /// <summary>
    /// A second sequence of the same tokens, with the same marks; the two continue independently, and each has the bits of one that was fed alone.
    /// </summary>
    /// <remarks>
    /// Pages are shared until one of the two writes to them: the last page of every layer is copied first, those of the rings later, as they go
    /// round.
    /// </remarks>
    /// <exception cref="ObjectDisposedException">This one is disposed.</exception>
    public Sequence Fork()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new(this);
    }

    /// <summary>Remembers the present length: <see cref="Truncate"/> can go back to it as long as it is among the latest sixteen marks.</summary>
    /// <exception cref="ObjectDisposedException">The sequence is disposed.</exception>
    public void Mark()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Length == 0 || _marks is [.., { Length: var last }] && last == Length)
            return;
        if (_marks.Count == MostMarks)
            Drop(0);
        var windows = new LayerCache?[_caches.Length];
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            if (_caches[layer].IsRing)
                windows[layer] = _caches[layer].Fork(WindowStart(layer, Length), Length);
        }
        _marks.Add(new(Length, windows));
    }

    /// <summary>
    /// Goes back to the first <paramref name="length"/> tokens where every sliding layer still holds the window before them or that length is
    /// marked, else to the longest marked length below, or to the empty sequence if there is none. Marks beyond the new length are dropped. What
    /// follows has the bits of a sequence that was never longer.
    /// </summary>
    /// <returns>The new length: feed the tokens from there on again.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative or beyond <see cref="Length"/>.</exception>
    /// <exception cref="ObjectDisposedException">The sequence is disposed.</exception>
    public int Truncate(int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        while (_marks is [.., var mark] && mark.Length > length)
            Drop(_marks.Count - 1);
        // If a window begins before what a ring holds, so it does at every shorter length, where only marks help.
        if (!IsHeld(length))
            length = Restore();
        foreach (LayerCache cache in _caches)
            cache.Forget(length);
        return Length = length;
    }

    /// <summary>Returns its pages; shared ones stay with their other holders.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Positions of a sliding layer's ring; null for a layer that keeps everything.</summary>
    internal static int? RingPositions(GptOssConfig config, int layer) =>
        config.WindowOf(layer) is int window && window + ChunkTokens < config.MaxPositions ? window + ChunkTokens : null;

    /// <summary>The keys and values of a layer.</summary>
    internal LayerCache Cache(int layer) => _caches[layer];

    /// <summary>Makes room for <paramref name="tokens"/> more positions in every layer.</summary>
    internal void Reserve(int tokens)
    {
        foreach (LayerCache cache in _caches)
            cache.Reserve(Length, Length + tokens);
    }

    /// <summary>Counts tokens whose keys and values all layers now hold.</summary>
    internal void Commit(int tokens) => Length += tokens;

    /// <summary>Whether it has returned its pages.</summary>
    internal bool IsDisposed => _disposed;

    // The first position that a layer's next query looks back to.
    private int WindowStart(int layer, int length) => _config.WindowOf(layer) is int window ? Math.Max(0, length - window + 1) : 0;

    private bool IsHeld(int length)
    {
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            if (WindowStart(layer, length) < _caches[layer].FirstHeld)
                return false;
        }
        return true;
    }

    // Puts the windows of the longest mark back.
    private int Restore()
    {
        if (_marks is not [.., var mark])
            return 0;
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            if (mark.Windows[layer] is not { } window)
                continue;
            _caches[layer].Release();
            _caches[layer] = window.Fork(window.FirstHeld, mark.Length);
        }
        return mark.Length;
    }

    private void Drop(int mark)
    {
        _marks[mark].Release();
        _marks.RemoveAt(mark);
    }

    private void Release()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (LayerCache cache in _caches)
            cache.Release();
        foreach (MarkedWindows mark in _marks)
            mark.Release();
        _marks.Clear();
    }

    /// <summary>What the rings held of their windows at a length; null for a layer that keeps everything.</summary>
    private sealed record MarkedWindows(int Length, LayerCache?[] Windows)
    {
        internal void Release()
        {
            foreach (LayerCache? window in Windows)
                window?.Release();
        }
    }
}
