using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>A page in this process's memory.</summary>
internal sealed unsafe class HostPage : CachePage
{
    /// <summary>A page of zeros with one holder.</summary>
    internal HostPage(CacheMemory memory, int floats) : base(memory)
    {
        Data = AlignedBuffer.Allocate<float>(floats);
        Data.Span.Clear();
        Start = (float*)Unsafe.AsPointer(ref Data.Span[0]);      // pinned, see AlignedBuffer
    }

    /// <summary>[keys | values], each [key/value head][position][channel].</summary>
    internal Memory<float> Data { get; }

    /// <summary>The first element; valid as long as the page is referenced.</summary>
    internal float* Start { get; }
}
