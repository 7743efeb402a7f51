namespace GptOss.Reference.Numerics.Caches;

/// <summary>
/// The keys and values of one layer of one sequence, by absolute position, wherever they are stored: what a sequence needs of them.
/// </summary>
internal abstract class LayerCache
{
    /// <summary>Whether new positions replace old ones once it is full.</summary>
    internal abstract bool IsRing { get; }

    /// <summary>The first position that is still held: 0 without a ring.</summary>
    internal int FirstHeld { get; private protected set; }

    /// <summary>The pages that are held.</summary>
    internal abstract IEnumerable<CachePage> Pages { get; }

    /// <summary>
    /// Makes room for the positions <paramref name="first"/> … <paramref name="end"/> − 1, in pages that only this cache holds.
    /// </summary>
    /// <exception cref="CacheFullException">The memory's limit is reached.</exception>
    internal abstract void Reserve(int first, int end);

    /// <summary>The most bytes that <see cref="Reserve"/> would take.</summary>
    internal abstract long BytesToReserve(int first, int end);

    /// <summary>Forgets the positions from <paramref name="end"/> on; pages that only this cache holds stay for the next ones.</summary>
    internal abstract void Forget(int end);

    /// <summary>
    /// Another cache of the positions <paramref name="first"/> … <paramref name="end"/> − 1, which are held; pages are shared until either writes to
    /// them.
    /// </summary>
    internal abstract LayerCache Fork(int first, int end);

    /// <summary>Returns every page; the cache is not used again.</summary>
    internal abstract void Release();
}
