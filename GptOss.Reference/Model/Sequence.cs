using GptOss.Reference.Checkpoints;
using GptOss.Reference.Numerics;

namespace GptOss.Reference.Model;

/// <summary>One token sequence: its length and the keys and values that its layers have cached.</summary>
/// <remarks>
/// Sliding layers keep a ring of window + <see cref="ChunkTokens"/> positions, so that the first query of a chunk still finds its keys;
/// full layers keep everything. Not safe for use by two threads at once.
/// </remarks>
public sealed class Sequence
{
    /// <summary>Tokens that pass through the layers together; longer prompts are fed in chunks of this size.</summary>
    public const int ChunkTokens = 512;

    private readonly GptOssConfig _config;
    private readonly KeyValueCache[] _caches;

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

    /// <summary>Bytes of the cache at present.</summary>
    public long CacheBytes => _caches.Sum(c => c.Bytes);

    /// <summary>The model that this sequence belongs to.</summary>
    internal Transformer Owner { get; }

    /// <summary>
    /// Goes back to the first <paramref name="length"/> tokens where every sliding layer still holds the window before them, else to the
    /// longest shorter prefix that can be continued, which without that window is the empty one.
    /// </summary>
    /// <returns>The length now: what has to be fed again begins there.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative or beyond <see cref="Length"/>.</exception>
    public int Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        for (int layer = 0; layer < _caches.Length; layer++)
        {
            if (_config.WindowOf(layer) is int window && Math.Max(0, length - window + 1) < _caches[layer].FirstHeld)
                length = 0;
        }
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
}
