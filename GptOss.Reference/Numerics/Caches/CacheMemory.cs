using System.Collections.Concurrent;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>The memory of a model's key/value caches: pages of one size, each counted once however many sequences share it.</summary>
/// <remarks>
/// With a limit, pages that a sequence returns are reused, so that the process stays below it; without one they are left to the garbage collector.
/// Thread-safe.
/// </remarks>
internal abstract class CacheMemory
{
    private readonly ConcurrentStack<CachePage> _free = new();
    private long _held;

    /// <summary>Memory without pages, so far.</summary>
    /// <param name="pageBytes">Bytes of a page.</param>
    /// <param name="limit">The most bytes of pages; null for no limit.</param>
    private protected CacheMemory(long pageBytes, long? limit) => (PageBytes, Limit) = (pageBytes, limit ?? long.MaxValue);

    /// <summary>The most bytes that pages may take together; <see cref="long.MaxValue"/> for no limit.</summary>
    public long Limit { get; }

    /// <summary>Bytes of all pages that a sequence or one of its marks holds.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Bytes of a page.</summary>
    public long PageBytes { get; }

    /// <summary>Whether there is no limit.</summary>
    internal bool IsUnlimited => Limit == long.MaxValue;

    /// <summary>A page for one holder; its content is unspecified, except that padding is zero.</summary>
    /// <exception cref="CacheFullException">The limit is reached.</exception>
    internal CachePage Rent()
    {
        if (Interlocked.Add(ref _held, PageBytes) > Limit)
        {
            Interlocked.Add(ref _held, -PageBytes);
            throw CacheFullException.Of(this, PageBytes);
        }
        if (_free.TryPop(out CachePage? page))
            return page.Reused();
        try
        {
            return NewPage();
        }
        catch
        {
            Interlocked.Add(ref _held, -PageBytes);
            throw;
        }
    }

    /// <summary>Takes back a page that has no holder.</summary>
    internal void Return(CachePage page)
    {
        Interlocked.Add(ref _held, -PageBytes);
        if (!IsUnlimited)
            _free.Push(page);
    }

    /// <summary>Copies what a page holds to another.</summary>
    internal abstract void Copy(CachePage from, CachePage to);

    /// <summary>A page of zeros with one holder.</summary>
    private protected abstract CachePage NewPage();
}
