using System.Collections.Concurrent;
using System.Numerics;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>
/// Pages on the card, and lists of them. It always has a limit, so what sequences return is reused; the card's memory is returned with the model.
/// Sequences may return from any thread, for nothing is asked of the card then.
/// </summary>
/// <param name="memory">The card's.</param>
/// <param name="pageBytes">Bytes of a page.</param>
/// <param name="limit">The most bytes of pages.</param>
internal sealed class CudaCacheMemory(Allocations memory, int pageBytes, long limit) : CacheMemory(pageBytes, limit)
{
    private const int SlabPages = 64, ListSlabBytes = 1 << 16, LeastList = 16;

    private readonly CudaSlabs _pages = new(memory, SlabPages * (long)pageBytes), _lists = new(memory, ListSlabBytes);
    private readonly ConcurrentDictionary<int, ConcurrentStack<CudaPageList>> _returned = [];          // by their capacity
    private long _left = limit / pageBytes * pageBytes;                // for pages that were never made

    /// <inheritdoc/>
    internal override void Copy(CachePage from, CachePage to) => memory.Gpu.Copy(((CudaPage)from).Address, ((CudaPage)to).Address, pageBytes);

    /// <summary>The list of a cache, up to date.</summary>
    /// <param name="list">The one that it has, which goes back if it is too short; null for none.</param>
    /// <param name="pages">The cache's pages.</param>
    internal CudaPageList Update(CudaPageList? list, ReadOnlySpan<CachePage?> pages)
    {
        if (list is null || list.Capacity < pages.Length)
        {
            int capacity = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(pages.Length, LeastList));
            CudaPageList longer = _returned.TryGetValue(capacity, out ConcurrentStack<CudaPageList>? free) && free.TryPop(out CudaPageList? used)
                ? used : new(_lists.Take(sizeof(ulong) * (long)capacity), capacity);
            Return(list);
            list = longer;
        }
        list.Update(memory.Gpu, pages);
        return list;
    }

    /// <summary>Takes a list back that no cache uses any more.</summary>
    internal void Return(CudaPageList? list)
    {
        if (list is not null)
            _returned.GetOrAdd(list.Capacity, _ => new()).Push(list);
    }

    /// <inheritdoc/>
    private protected override CachePage NewPage()
    {
        CudaPage page = new(this, _pages.Take(pageBytes, _left));
        _left -= pageBytes;
        return page;
    }
}
