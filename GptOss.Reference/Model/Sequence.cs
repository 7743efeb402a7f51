using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Model;

/// <summary>One token sequence: its length and the keys and values that its layers have cached.</summary>
/// <remarks>
/// Sliding layers keep a ring of window + <see cref="ChunkTokens"/> positions, so that the first query of a chunk still finds its keys;
/// full layers keep everything. A mark is a copy of what the rings hold of the windows at a length, so that the sequence can go back there
/// later: 6.3 MB for the 20b in float32. Not safe for use by two threads at once.
/// </remarks>
public sealed class Sequence
{
    /// <summary>Tokens that pass through the layers together; longer prompts are fed in chunks of this size.</summary>
    public const int ChunkTokens = 512;

    /// <summary>Marks that are kept; a further one forgets the oldest.</summary>
    public const int MostMarks = 16;

    private readonly GptOssConfig _config;
    private readonly KeyValueCache[] _caches;
    private readonly List<SavedWindows> _marks = [];       // in order of length

    internal Sequence(Transformer owner, GptOssConfig config, Precision precision)
    {
        Owner = owner;
        _config = config;
        _caches = new KeyValueCache[config.NumHiddenLayers];
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            _caches[layer] = new KeyValueCache(config.NumKeyValueHeads, config.HeadDim, RingPositions(config, layer), precision == Precision.Bfloat16);
        }
    }

    /// <summary>Tokens so far, which is the position of the next one.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of the cache at present, without the marks.</summary>
    public long CacheBytes => _caches.Sum(c => c.Bytes);

    /// <summary>Bytes of the marks at present.</summary>
    public long MarkBytes => _marks.Sum(mark => mark.Windows.Sum(window => (long)(window?.Length ?? 0)));

    /// <summary>Lengths that are marked, ascending.</summary>
    public IReadOnlyList<int> Marks => [.. _marks.Select(mark => mark.Length)];

    /// <summary>The model that this sequence belongs to.</summary>
    internal Transformer Owner { get; }

    internal Sequence Fork()
    {
        Sequence fork = Owner.NewSequence();
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            int at = layer;
            fork._caches[layer] = _caches[layer].Copy(() => fork._caches[at]);
        }
        fork.Length = Length;
        return fork;
    }

    internal void Dispose() { }

    /// <summary>Remembers the present length: <see cref="Truncate"/> can go back to it as long as it is among the latest sixteen marks.</summary>
    public void Mark()
    {
        if (Length == 0 || _marks is [.., { Length: var last }] && last == Length)
            return;
        byte[]?[] windows = new byte[_caches.Length][];
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            if (_caches[layer].IsRing)
                windows[layer] = _caches[layer].CopyOut(WindowStart(layer, Length), Length);
        }
        if (_marks.Count == MostMarks)
            _marks.RemoveAt(0);
        _marks.Add(new(Length, windows));
    }

    /// <summary>
    /// Goes back to the first <paramref name="length"/> tokens where every sliding layer still holds the window before them or that length is
    /// marked, else to the longest marked length below, without one to the empty sequence. Marks beyond the new length are forgotten. What
    /// follows has the bits of a sequence that was never longer.
    /// </summary>
    /// <returns>The length now: what has to be fed again begins there.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative or beyond <see cref="Length"/>.</exception>
    public int Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        _marks.RemoveAll(mark => mark.Length > length);
        // A window that begins before what a ring holds does so at every shorter length too, so below only marks help.
        if (!IsHeld(length))
            length = Restore();
        if (length == 0)
        {
            foreach (KeyValueCache cache in _caches)
                cache.Clear();
        }
        return Length = length;
    }

    /// <summary>Positions of a sliding layer's ring; null for a layer that keeps everything.</summary>
    internal static int? RingPositions(GptOssConfig config, int layer) =>
        config.WindowOf(layer) is int window && window + ChunkTokens < config.MaxPositions ? window + ChunkTokens : null;

    internal KeyValueCache Cache(int layer) => _caches[layer];

    /// <summary>Makes room for <paramref name="tokens"/> more positions in every layer.</summary>
    internal void Reserve(int tokens)
    {
        foreach (KeyValueCache cache in _caches)
            cache.Reserve(Length + tokens);
    }

    /// <summary>Counts tokens whose keys and values all layers now hold.</summary>
    internal void Commit(int tokens) => Length += tokens;

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
            if (mark.Windows[layer] is { } window)
                _caches[layer].CopyIn(window, WindowStart(layer, mark.Length), mark.Length);
        }
        return mark.Length;
    }

    /// <summary>What the rings held of their windows at a length; null for a layer that keeps everything.</summary>
    private sealed record SavedWindows(int Length, byte[]?[] Windows);
}
