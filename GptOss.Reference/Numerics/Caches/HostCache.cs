using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>
/// The rotated keys and raw values of one layer of one sequence in this process's memory: float32, or bfloat16 in the bfloat16 profile.
/// A full layer adds pages as the sequence grows; a sliding layer goes round in a ring of pages.
/// </summary>
/// <remarks>
/// A page holds [keys | values], each [key/value head][position][channel]: one head's positions are consecutive, so attention streams them.
/// Channels are padded with zeros to whole blocks of sixteen.
/// </remarks>
internal sealed unsafe class HostCache : LayerCache
{
    /// <summary>Positions of a page: as many keys as attention takes at once, and 256 KiB at the published shape in float32.</summary>
    internal const int PagePositions = 64;

    private readonly CacheMemory _memory;
    private readonly int _heads, _headDim, _paddedDim;
    private readonly int _places;                       // of the ring; without one, more than there are positions
    private readonly bool _bfloat16;
    private CachePage?[] _pages = [];

    /// <summary>A cache for <paramref name="heads"/> key/value heads of <paramref name="headDim"/> channels.</summary>
    /// <param name="heads">Key/value heads.</param>
    /// <param name="headDim">Channels of a head.</param>
    /// <param name="ringPositions">Positions of the ring, or null to keep every position.</param>
    /// <param name="bfloat16">Keep bfloat16 values; they must be bfloat16 values already.</param>
    /// <param name="memory">Where pages of this shape come from; null for memory of its own without a limit.</param>
    internal HostCache(int heads, int headDim, int? ringPositions, bool bfloat16, CacheMemory? memory = null)
    {
        (_heads, _headDim, _paddedDim, _places, _bfloat16) = (heads, headDim, Padded(headDim), ringPositions ?? int.MaxValue, bfloat16);
        _memory = memory ?? NewMemory(heads, headDim, bfloat16, limit: null);
    }

    /// <summary>Memory for caches of a shape.</summary>
    internal static CacheMemory NewMemory(int heads, int headDim, bool bfloat16, long? limit) =>
        new(PageFloats(heads, headDim, bfloat16), limit);

    /// <inheritdoc/>
    internal override bool IsRing => _places != int.MaxValue;

    /// <inheritdoc/>
    internal override IEnumerable<CachePage> Pages => _pages.OfType<CachePage>();

    /// <summary>Bytes of the pages that are held, shared ones included.</summary>
    internal long Bytes => Pages.Count() * _memory.PageBytes;

    /// <summary>Channels of a head, padded to whole blocks.</summary>
    internal int PaddedHeadDim => _paddedDim;

    /// <summary>
    /// <see cref="Bytes"/> after the positions 0 … <paramref name="end"/> − 1 were reserved; the other parameters are the constructor's.
    /// </summary>
    internal static long BytesFor(int heads, int headDim, int? ringPositions, bool bfloat16, int end)
    {
        long pages = (Math.Min(end, ringPositions ?? end) + PagePositions - 1L) / PagePositions;
        return pages * PageFloats(heads, headDim, bfloat16) * sizeof(float);
    }

    /// <inheritdoc/>
    internal override void Reserve(int first, int end)
    {
        FirstHeld = Math.Max(FirstHeld, end - _places);
        for (int at = Math.Max(first, end - _places); Step(ref at, end, out int index, out bool isWhole);)
        {
            if (_pages.Length <= index)
                Array.Resize(ref _pages, Math.Max(index + 1, IsRing ? PagesOf(_places) : 2 * _pages.Length));
            if (_pages[index] is { IsShared: false })
                continue;
            CachePage own = _memory.Rent();
            if (_pages[index] is { } shared)
            {
                if (!isWhole)
                    shared.Data.CopyTo(own.Data);
                shared.Release();
            }
            _pages[index] = own;
        }
    }

    /// <inheritdoc/>
    internal override long BytesToReserve(int first, int end)
    {
        int count = 0;
        for (int at = Math.Max(first, end - _places); Step(ref at, end, out int index, out _);)
            count += index < _pages.Length && _pages[index] is { IsShared: false } ? 0 : 1;
        return count * _memory.PageBytes;
    }

    /// <inheritdoc/>
    internal override void Forget(int end)
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

    /// <inheritdoc/>
    internal override LayerCache Fork(int first, int end)
    {
        var fork = new HostCache(_heads, _headDim, IsRing ? _places : null, _bfloat16, _memory)
        {
            FirstHeld = first,
            _pages = new CachePage?[_pages.Length],
        };
        for (int at = first; Step(ref at, end, out int index, out _);)
            fork._pages[index] ??= _pages[index]!.Hold();
        return fork;
    }

    /// <inheritdoc/>
    internal override void Release()
    {
        foreach (CachePage page in Pages)
            page.Release();
        _pages = [];
    }

    /// <summary>Writes the key and value rows of one reserved position; in a ring they replace those of an older position.</summary>
    internal void Write(int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, _heads * _headDim);
        ArgumentOutOfRangeException.ThrowIfNotEqual(value.Length, _heads * _headDim);
        int place = Place(position), slot = place % PagePositions;
        CachePage page = _pages[place / PagePositions]!;
        for (int head = 0; head < _heads; head++)
        {
            Store(page, head, slot, values: false, key.Slice(head * _headDim, _headDim));
            Store(page, head, slot, values: true, value.Slice(head * _headDim, _headDim));
        }
    }

    /// <summary>
    /// The keys (or values) of one head at consecutive positions from <paramref name="position"/>: at most <paramref name="most"/>, and as many as
    /// are contiguous in memory; in place, or widened into <paramref name="scratch"/> (most × padded channels).
    /// </summary>
    /// <param name="head">Key/value head.</param>
    /// <param name="position">First position; must be held.</param>
    /// <param name="most">Positions wanted.</param>
    /// <param name="values">Values instead of keys.</param>
    /// <param name="scratch">Where bfloat16 rows are widened to.</param>
    /// <param name="count">Positions returned.</param>
    internal float* Tile(int head, int position, int most, bool values, float* scratch, out int count)
    {
        int place = Place(position), slot = place % PagePositions;
        count = Math.Min(most, Math.Min(PagePositions - slot, _places - place));
        int at = Offset(head, slot, values);
        float* data = _pages[place / PagePositions]!.Start;
        if (!_bfloat16)
            return data + at;
        ushort* source = (ushort*)data + at;
        for (int i = 0; i < count * _paddedDim; i++)
            scratch[i] = Bfloat16.ToSingle(source[i]);
        return scratch;
    }

    /// <summary>
    /// Where the next tile begins, for prefetching; <paramref name="here"/> if there is none or it has to be widened.
    /// </summary>
    internal float* Ahead(int head, int position, int left, bool values, float* here)
    {
        if (left <= 0 || _bfloat16)
            return here;
        int place = Place(position);
        return _pages[place / PagePositions]!.Start + Offset(head, place % PagePositions, values);
    }

    private static int PageFloats(int heads, int headDim, bool bfloat16) => checked(2 * heads * PagePositions * Padded(headDim)) / (bfloat16 ? 2 : 1);

    private static int Padded(int headDim) => (headDim + 15) & ~15;

    private static int PagesOf(int positions) => (int)((positions + PagePositions - 1L) / PagePositions);

    private int Place(int position) => position < _places ? position : position % _places;

    private int Offset(int head, int slot, bool values) => (((values ? _heads : 0) + head) * PagePositions + slot) * _paddedDim;

    /// <summary>Steps through the pages of a range of positions; a page may occur twice where a ring closes.</summary>
    /// <param name="position">The next position; moved past those in the page.</param>
    /// <param name="end">Where the positions end.</param>
    /// <param name="index">The page.</param>
    /// <param name="isWhole">Whether the range covers the page, so that nothing in it has to be kept.</param>
    private bool Step(ref int position, int end, out int index, out bool isWhole)
    {
        int place = Place(position), slot = place % PagePositions, count = Math.Min(end - position, Math.Min(PagePositions - slot, _places - place));
        (index, isWhole) = (place / PagePositions, slot == 0 && (!IsRing || count == PagePositions));
        position += count;
        return count > 0;
    }

    private void Store(CachePage page, int head, int slot, bool values, ReadOnlySpan<float> row)
    {
        int at = Offset(head, slot, values);
        if (!_bfloat16)
        {
            row.CopyTo(page.Data.Span[at..]);
            return;
        }
        Span<ushort> target = MemoryMarshal.Cast<float, ushort>(page.Data.Span).Slice(at, row.Length);
        for (int i = 0; i < row.Length; i++)
            target[i] = Bfloat16.FromSingle(row[i]);
    }
}
