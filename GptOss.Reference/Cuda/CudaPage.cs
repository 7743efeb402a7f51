using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>A page on the card: [keys | values], each [key/value head][position][channel] in float32.</summary>
/// <param name="memory">Where it returns to.</param>
/// <param name="address">Where it is.</param>
internal sealed class CudaPage(CudaCacheMemory memory, ulong address) : CachePage(memory)
{
    /// <summary>Where it is.</summary>
    internal ulong Address => address;
}
