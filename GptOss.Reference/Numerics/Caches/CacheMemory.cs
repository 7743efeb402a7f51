using System.Collections.Concurrent;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>The memory of a model's key/value caches: pages of one size, each counted once however many sequences share it.</summary>
/// <remarks>
/// Under a limit, pages that a sequence gives back serve the next one, so that what the process holds stays below it; without a limit they are left to the garbage
/// collector. Thread-safe.
/// </remarks>
public sealed class CacheMemory
{
    private readonly ConcurrentStack<CachePage> _free = new();
    private readonly int _pageFloats;
    private long _held;

    /// <summary>No page yet.</summary>
    /// <param name="pageFloats">Floats of a page.</param>
    /// <param name="limit">The most bytes of pages; null for no limit.</param>
    internal CacheMemory(int pageFloats, long? limit) => (_pageFloats, Limit) = (pageFloats, limit ?? long.MaxValue);

    /// <summary>The most bytes that pages may take together; <see cref="long.MaxValue"/> for no limit.</summary>
    public long Limit { get; }

    /// <summary>Bytes of all pages that a sequence or one of its marks holds.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Bytes of a page.</summary>
    public long PageBytes => (long)_pageFloats * sizeof(float);

    /// <summary>Whether there is no limit.</summary>
    internal bool IsUnlimited => Limit == long.MaxValue;

    /// <summary>A page for one holder; what it contains is unspecified, except that padding is zero.</summary>
    /// <exception cref="CacheFullException">The limit is reached.</exception>
    internal CachePage Rent()
    {
        if (Interlocked.Add(ref _held, PageBytes) > Limit)
        {
            Interlocked.Add(ref _held, -PageBytes);
            throw CacheFullException.Of(this, PageBytes);
        }
        return _free.TryPop(out CachePage? page) ? page.Reused() : new CachePage(this, _pageFloats);
    }

    /// <summary>Takes a page that no one holds any more.</summary>
    internal void Return(CachePage page)
    {
        Interlocked.Add(ref _held, -PageBytes);
        if (!IsUnlimited)
            _free.Push(page);
    }
}
