using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Model;

/// <summary>A model on a device: its blocks, and the caches of its sequences.</summary>
internal abstract class DeviceModel : IDisposable
{
    /// <summary>What is on the device, as a sentence.</summary>
    internal abstract string Placement { get; }

    /// <summary>What the keys and values of all sequences take on the device.</summary>
    internal abstract CacheMemory CacheMemory { get; }

    /// <summary>Final norm and unembedding on the device.</summary>
    internal abstract Head Head { get; }

    /// <summary>An empty cache of one layer.</summary>
    internal abstract LayerCache NewCache(int layer);

    /// <summary>The attention block of one layer.</summary>
    internal abstract Block Attention(int layer);

    /// <summary>The expert block of one layer; null if the processor is to compute it.</summary>
    internal abstract Block? Experts(int layer);

    /// <summary>The blocks of an unobserved pass, with those that follow each other on the device joined into one.</summary>
    internal abstract Block[] Join(IReadOnlyList<Block> blocks);

    /// <summary>Puts on the device what its blocks ask about the tokens of a chunk.</summary>
    internal abstract void Begin(Chunk chunk);

    /// <summary>Waits until everything is computed: what failed on the way fails here.</summary>
    internal abstract void End();

    /// <summary>Copies the residual stream, [tokens, hidden] without gaps, to the device.</summary>
    internal abstract void Upload(Rows x);

    /// <summary>Copies the residual stream from the device.</summary>
    internal abstract void Download(Rows x);

    /// <summary>Returns the device's memory.</summary>
    public abstract void Dispose();
}
