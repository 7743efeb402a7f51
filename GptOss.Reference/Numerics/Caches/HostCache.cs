using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>
/// The rotated keys and raw values of one layer of one sequence in this process's memory: float32, or bfloat16 in the bfloat16 profile.
/// </summary>
/// <remarks>
/// A page holds [keys | values], each [key/value head][position][channel]: one head's positions are consecutive, so attention streams them.
/// Channels are padded with zeros to whole blocks of sixteen.
/// </remarks>
internal sealed unsafe class HostCache : LayerCache
{
    private readonly int _heads, _headDim, _paddedDim;
    private readonly bool _bfloat16;

    /// <summary>A cache for <paramref name="heads"/> key/value heads of <paramref name="headDim"/> channels.</summary>
    /// <param name="heads">Key/value heads.</param>
    /// <param name="headDim">Channels of a head.</param>
    /// <param name="ringPositions">Positions of the ring, or null to keep every position.</param>
    /// <param name="bfloat16">Keep bfloat16 values; they must be bfloat16 values already.</param>
    /// <param name="memory">Where pages of this shape come from; null for memory of its own without a limit.</param>
    internal HostCache(int heads, int headDim, int? ringPositions, bool bfloat16, CacheMemory? memory = null)
        : base(ringPositions, memory ?? NewMemory(heads, headDim, bfloat16, limit: null)) =>
        (_heads, _headDim, _paddedDim, _bfloat16) = (heads, headDim, Padded(headDim), bfloat16);

    /// <summary>Memory for caches of a shape.</summary>
    internal static CacheMemory NewMemory(int heads, int headDim, bool bfloat16, long? limit) =>
        new HostCacheMemory(PageFloats(heads, headDim, bfloat16), limit);

    /// <summary>Channels of a head, padded to whole blocks.</summary>
    internal int PaddedHeadDim => _paddedDim;

    /// <summary>
    /// <see cref="LayerCache.Bytes"/> after the positions 0 … <paramref name="end"/> − 1 were reserved; the other parameters are the constructor's.
    /// </summary>
    internal static long BytesFor(int heads, int headDim, int? ringPositions, bool bfloat16, int end)
    {
        long pages = (Math.Min(end, ringPositions ?? end) + PagePositions - 1L) / PagePositions;
        return pages * PageFloats(heads, headDim, bfloat16) * sizeof(float);
    }

    /// <summary>Writes the key and value rows of one reserved position; in a ring they replace those of an older position.</summary>
    internal void Write(int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, _heads * _headDim);
        ArgumentOutOfRangeException.ThrowIfNotEqual(value.Length, _heads * _headDim);
        int place = Place(position), slot = place % PagePositions;
        HostPage page = PageAt(place);
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
        count = Math.Min(most, Math.Min(PagePositions - slot, Places - place));
        int at = Offset(head, slot, values);
        float* data = PageAt(place).Start;
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
        return PageAt(place).Start + Offset(head, place % PagePositions, values);
    }

    /// <summary>Where the float32 keys of one head at consecutive reserved positions of one page are, to be copied there from elsewhere.</summary>
    internal Span<float> KeysToFill(int head, int position, int count)
    {
        int place = Place(position);
        return PageAt(place).Data.Span.Slice(Offset(head, place % PagePositions, values: false), count * _paddedDim);
    }

    private static int PageFloats(int heads, int headDim, bool bfloat16) => checked(2 * heads * PagePositions * Padded(headDim)) / (bfloat16 ? 2 : 1);

    private static int Padded(int headDim) => (headDim + 15) & ~15;

    /// <inheritdoc/>
    private protected override LayerCache Empty() => new HostCache(_heads, _headDim, IsRing ? Places : null, _bfloat16, Memory);

    private HostPage PageAt(int place) => (HostPage)AllPages[place / PagePositions]!;

    private int Offset(int head, int slot, bool values) => (((values ? _heads : 0) + head) * PagePositions + slot) * _paddedDim;

    private void Store(HostPage page, int head, int slot, bool values, ReadOnlySpan<float> row)
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
