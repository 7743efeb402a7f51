using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>
/// Keys and values of one layer at some consecutive positions. Any number of caches may hold it for reading; only a sole holder writes to it.
/// </summary>
internal sealed unsafe class CachePage
{
    private readonly CacheMemory _memory;
    private int _holders = 1;

    /// <summary>A page of zeros with one holder.</summary>
    internal CachePage(CacheMemory memory, int floats)
    {
        _memory = memory;
        Data = AlignedBuffer.Allocate<float>(floats);
        Data.Span.Clear();
        Start = (float*)Unsafe.AsPointer(ref Data.Span[0]);      // pinned, see AlignedBuffer
    }

    /// <summary>[keys | values], each [key/value head][position][channel].</summary>
    internal Memory<float> Data { get; }

    /// <summary>The first element; valid as long as the page is referenced.</summary>
    internal float* Start { get; }

    /// <summary>Whether more than one cache holds it. Only a holder can add another, so a sole holder can rely on the answer.</summary>
    internal bool IsShared => Volatile.Read(ref _holders) > 1;

    /// <summary>Adds a holder.</summary>
    internal CachePage Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    /// <summary>Removes a holder; the last one returns the memory.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            _memory.Return(this);
    }

    /// <summary>The page again, with one holder.</summary>
    internal CachePage Reused()
    {
        _holders = 1;
        return this;
    }
}
