namespace GptOss.Reference.Numerics.Caches;

/// <summary>
/// Keys and values of one layer at some consecutive positions. Any number of caches may hold it for reading; only a sole holder writes to it.
/// </summary>
/// <param name="memory">Where it returns to.</param>
internal abstract class CachePage(CacheMemory memory)
{
    private int _holders = 1;

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
            memory.Return(this);
    }

    /// <summary>The page again, with one holder.</summary>
    internal CachePage Reused()
    {
        _holders = 1;
        return this;
    }
}
