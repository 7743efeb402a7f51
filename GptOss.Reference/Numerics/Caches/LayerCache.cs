namespace GptOss.Reference.Numerics.Caches;

/// <summary>
/// The keys and values of one layer of one sequence, by absolute position, in pages that lie wherever their memory is. A full layer adds pages as
/// the sequence grows; a sliding layer goes round in a ring of pages.
/// </summary>
internal abstract class LayerCache
{
    /// <summary>Positions of a page: as many keys as attention takes at once, and 256 KiB at the published shape in float32.</summary>
    internal const int PagePositions = 64;

    private CachePage?[] _pages = [];

    /// <summary>A cache without positions.</summary>
    /// <param name="ringPositions">Positions of the ring, or null to keep every position.</param>
    /// <param name="memory">Where pages come from.</param>
    private protected LayerCache(int? ringPositions, CacheMemory memory) => (Places, Memory) = (ringPositions ?? int.MaxValue, memory);

    /// <summary>Whether new positions replace old ones once it is full.</summary>
    internal bool IsRing => Places != int.MaxValue;

    /// <summary>The first position that is still held: 0 without a ring.</summary>
    internal int FirstHeld { get; private set; }

    /// <summary>The pages that are held.</summary>
    internal IEnumerable<CachePage> Pages => _pages.OfType<CachePage>();

    /// <summary>Bytes of the pages that are held, shared ones included.</summary>
    internal long Bytes => Pages.Count() * Memory.PageBytes;

    /// <summary>Positions of the ring; without one, more than there are.</summary>
    private protected int Places { get; }

    /// <summary>Where pages come from.</summary>
    private protected CacheMemory Memory { get; }

    /// <summary>The pages by their place; null where none is held.</summary>
    private protected ReadOnlySpan<CachePage?> AllPages => _pages;

    /// <summary>
    /// Makes room for the positions <paramref name="first"/> … <paramref name="end"/> − 1, in pages that only this cache holds.
    /// </summary>
    /// <exception cref="CacheFullException">The memory's limit is reached.</exception>
    internal void Reserve(int first, int end)
    {
        FirstHeld = Math.Max(FirstHeld, end - Places);
        for (int at = Math.Max(first, end - Places); Step(ref at, end, out int index, out bool isWhole);)
        {
            if (_pages.Length <= index)
                Array.Resize(ref _pages, Math.Max(index + 1, IsRing ? PagesOf(Places) : 2 * _pages.Length));
            if (_pages[index] is { IsShared: false })
                continue;
            CachePage own = Memory.Rent();
            if (_pages[index] is { } shared)
            {
                if (!isWhole)
                    Memory.Copy(shared, own);
                shared.Release();
            }
            _pages[index] = own;
        }
    }

    /// <summary>The most bytes that <see cref="Reserve"/> would take.</summary>
    internal long BytesToReserve(int first, int end)
    {
        int count = 0;
        for (int at = Math.Max(first, end - Places); Step(ref at, end, out int index, out _);)
            count += index < _pages.Length && _pages[index] is { IsShared: false } ? 0 : 1;
        return count * Memory.PageBytes;
    }

    /// <summary>Forgets the positions from <paramref name="end"/> on; pages that only this cache holds stay for the next ones.</summary>
    internal void Forget(int end)
    {
        if (end == 0)
            FirstHeld = 0;
        if (IsRing && end > 0)
            return;
        for (int index = PagesOf(end); index < _pages.Length; index++)
        {
            if (_pages[index] is not { IsShared: true } shared)
                continue;
            shared.Release();
            _pages[index] = null;
        }
    }

    /// <summary>
    /// Another cache of the positions <paramref name="first"/> … <paramref name="end"/> − 1, which are held; pages are shared until either writes to
    /// them.
    /// </summary>
    internal LayerCache Fork(int first, int end)
    {
        LayerCache fork = Empty();
        (fork.FirstHeld, fork._pages) = (first, new CachePage?[_pages.Length]);
        for (int at = first; Step(ref at, end, out int index, out _);)
            fork._pages[index] ??= _pages[index]!.Hold();
        return fork;
    }

    /// <summary>Returns every page; the cache is not used again.</summary>
    internal virtual void Release()
    {
        foreach (CachePage page in Pages)
            page.Release();
        _pages = [];
    }

    /// <summary>Another cache of the same shape, without positions.</summary>
    private protected abstract LayerCache Empty();

    /// <summary>Where a position lies: in the ring, or as it is.</summary>
    private protected int Place(int position) => position < Places ? position : position % Places;

    private protected static int PagesOf(int positions) => (int)((positions + PagePositions - 1L) / PagePositions);

    /// <summary>Steps through the pages of a range of positions; a page may occur twice where a ring closes.</summary>
    /// <param name="position">The next position; moved past those in the page.</param>
    /// <param name="end">Where the positions end.</param>
    /// <param name="index">The page.</param>
    /// <param name="isWhole">Whether the range covers the page, so that nothing in it has to be kept.</param>
    private bool Step(ref int position, int end, out int index, out bool isWhole)
    {
        int place = Place(position), slot = place % PagePositions, count = Math.Min(end - position, Math.Min(PagePositions - slot, Places - place));
        (index, isWhole) = (place / PagePositions, slot == 0 && (!IsRing || count == PagePositions));
        position += count;
        return count > 0;
    }
}
