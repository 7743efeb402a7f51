using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>On the card the addresses of a cache's pages, by their place. Only what has changed since the last pass is copied there.</summary>
/// <param name="address">Where it is.</param>
/// <param name="capacity">Pages that it has room for.</param>
internal sealed class CudaPageList(ulong address, int capacity)
{
    private readonly ulong[] _there = new ulong[capacity];             // what was copied; 0 where nothing was

    /// <summary>Where it is.</summary>
    internal ulong Address => address;

    /// <summary>Pages that it has room for.</summary>
    internal int Capacity => capacity;

    /// <summary>Brings it up to date. Places without a page keep what they had, which is never read.</summary>
    internal void Update(Gpu gpu, ReadOnlySpan<CachePage?> pages)
    {
        int first = pages.Length, end = 0;
        for (int i = 0; i < pages.Length; i++)
        {
            if (pages[i] is not CudaPage page || page.Address == _there[i])
                continue;
            _there[i] = page.Address;
            first = Math.Min(first, i);
            end = i + 1;
        }
        if (end > 0)
            gpu.Upload(MemoryMarshal.AsBytes(_there.AsSpan(first, end - first)), address + sizeof(ulong) * (ulong)first);
    }
}
