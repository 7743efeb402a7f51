using System.Globalization;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;

namespace GptOss.Reference.Cuda;

/// <summary>
/// What of a model fits on a card: attention, unembedding, working memory and caches always, and the experts of as many layers as there is room for;
/// those of the other layers stay on the processor. Computed from the shape alone, in bytes.
/// </summary>
/// <param name="Layers">Layers of the model.</param>
/// <param name="ExpertLayers">How many of them, the first ones, have their experts on the card.</param>
/// <param name="Free">What the card has.</param>
/// <param name="Dense">Attention of all layers, final norm, unembedding.</param>
/// <param name="Experts">The experts of one layer, their norm and router.</param>
/// <param name="Work">Intermediate values of a chunk.</param>
/// <param name="Cache">Keys and values for which room is kept.</param>
internal sealed record Placement(int Layers, int ExpertLayers, long Free, long Dense, long Experts, long Work, long Cache)
{
    /// <summary>Tokens of one sequence for which room is kept unless another cache size is given.</summary>
    internal const int ContextTokens = 4096;

    /// <summary>What stays free for the driver's own needs.</summary>
    internal const long Margin = 64 << 20;

    // What the driver rounds large allocations up to.
    private const long Granule = 2 << 20, Single = sizeof(float), Half = sizeof(ushort);

    /// <summary>Whether what has to be on the card fits.</summary>
    internal bool Fits => ExpertLayers >= 0;

    /// <summary>Bytes of weights that are copied to the card for so many layers' experts.</summary>
    internal static long WeightBytes(GptOssConfig config, int expertLayers) =>
        DenseBytes(config, bytes => bytes) + expertLayers * ExpertBytes(config, bytes => bytes);

    /// <summary>What fits into so much memory.</summary>
    /// <param name="config">The model's shape.</param>
    /// <param name="free">Bytes that the card has.</param>
    /// <param name="cacheBytes">Bytes of keys and values to keep room for; null for one sequence of <paramref name="contextTokens"/>.</param>
    /// <param name="contextTokens">Tokens of that sequence, or as many as the model's context holds.</param>
    internal static Placement Of(GptOssConfig config, long free, long? cacheBytes, int contextTokens = ContextTokens)
    {
        GptOssConfig c = config;
        long dense = DenseBytes(c, Rounded), experts = ExpertBytes(c, Rounded);
        long work = WorkMemory.Sizes(c).Sum(Rounded);
        long cache = cacheBytes ?? CacheBytes(c, Math.Min(contextTokens, c.MaxPositions));
        long rest = free - Margin - dense - work - cache;
        return new(c.NumHiddenLayers, rest < 0 ? -1 : (int)Math.Min(rest / experts, c.NumHiddenLayers), free, dense, experts, work, cache);
    }

    /// <summary>Keys and values of one sequence of so many tokens.</summary>
    internal static long CacheBytes(GptOssConfig config, int tokens)
    {
        var need = MemoryNeed.Of(config, tokens);
        return need.SlidingCache + need.FullCache;
    }

    /// <summary>Whether a layer's experts are on the card.</summary>
    internal bool Holds(int layer) => layer < ExpertLayers;

    /// <summary>What is where, as a sentence.</summary>
    internal static string Describe(string name, IReadOnlyList<bool> held)
    {
        int count = held.Count(on => on);
        string all = held.Count == 1 ? "the layer" : $"all {held.Count} layers";
        string where = count == held.Count ? $"{name} computes all of it, experts of {all} included"
            : count == 0 ? $"{name} computes attention and unembedding, the processor the experts of {all}"
            : $"{name} computes attention, unembedding and the experts of {count} of {held.Count} layers, the processor those of the others";
        return where + ".";
    }

    /// <summary>Why it does not fit, as a sentence.</summary>
    internal string WhyNot(string name) => string.Create(CultureInfo.InvariantCulture,
        $"{name} has {Free / 1e9:F1} GB of memory free; attention and unembedding take {Dense / 1e9:F1} GB, working memory {Work / 1e9:F1} GB, "
        + $"keys and values {Cache / 1e9:F1} GB.");

    // Attention of all layers, final norm, unembedding.
    private static long DenseBytes(GptOssConfig c, Func<long, long> sizeOf)
    {
        long qkv = c.QuerySize + 2L * c.KeyValueSize;
        long layer = sizeOf(Single * c.HiddenSize) + sizeOf(Half * qkv * c.HiddenSize) + sizeOf(Single * qkv)
            + sizeOf(Single * c.NumAttentionHeads) + sizeOf(Half * c.HiddenSize * c.QuerySize) + sizeOf(Single * c.HiddenSize);
        return c.NumHiddenLayers * layer + sizeOf(Single * c.HiddenSize) + sizeOf(Half * c.VocabSize * c.HiddenSize);
    }

    // Norm, router and experts of one layer.
    private static long ExpertBytes(GptOssConfig c, Func<long, long> sizeOf)
    {
        long up = 2L * c.NumExperts * c.IntermediateSize, down = (long)c.NumExperts * c.HiddenSize;
        return sizeOf(Single * c.HiddenSize) + sizeOf(Half * c.NumExperts * c.HiddenSize) + sizeOf(Single * c.NumExperts)
            + Mxfp4(up * c.HiddenSize) + sizeOf(Single * up) + Mxfp4(down * c.IntermediateSize) + sizeOf(Single * down);

        long Mxfp4(long values) => sizeOf(values / 2) + sizeOf(values / 32);
    }

    private static long Rounded(long bytes) => bytes < Granule / 2 ? (bytes + 511) / 512 * 512 : (bytes + Granule - 1) / Granule * Granule;
}
