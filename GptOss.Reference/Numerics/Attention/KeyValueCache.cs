using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>
/// The rotated keys and raw values of one layer of one sequence, by absolute position: float32, or bfloat16 in the bfloat16 profile.
/// A layer that sees everything keeps pages that are added as the sequence grows; a sliding layer keeps one ring.
/// </summary>
/// <remarks>
/// A page holds [keys | values], each [key/value head][position][channel]: one head's positions are consecutive, so attention streams them.
/// Channels are padded with zeros to whole blocks of sixteen.
/// </remarks>
internal sealed unsafe class KeyValueCache
{
    /// <summary>Positions of a page of a layer that sees everything: 1 MiB at the published shape in float32.</summary>
    private const int PagePositions = 256;

    private readonly int _heads, _headDim, _paddedDim, _positionsPerPage;
    private readonly bool _ring, _bfloat16;
    private readonly List<Memory<float>> _pages = [];

    /// <summary>A cache for <paramref name="heads"/> key/value heads of <paramref name="headDim"/> channels.</summary>
    /// <param name="heads">Key/value heads.</param>
    /// <param name="headDim">Channels of a head.</param>
    /// <param name="ringPositions">Positions of the ring, or null to keep every position.</param>
    /// <param name="bfloat16">Keep bfloat16 values; they must be bfloat16 values already.</param>
    internal KeyValueCache(int heads, int headDim, int? ringPositions, bool bfloat16)
    {
        _heads = heads;
        _headDim = headDim;
        _paddedDim = (headDim + 15) & ~15;
        _ring = ringPositions is not null;
        _positionsPerPage = ringPositions ?? PagePositions;
        _bfloat16 = bfloat16;
    }

    /// <summary>The first position that is still held: 0 without a ring.</summary>
    internal int FirstHeld { get; private set; }

    /// <summary>Bytes of all pages.</summary>
    internal long Bytes => _pages.Count * (long)PageFloats * sizeof(float);

    /// <summary>Channels of a head, padded to whole blocks.</summary>
    internal int PaddedHeadDim => _paddedDim;

    private int PageFloats => checked(2 * _heads * _positionsPerPage * _paddedDim) / (_bfloat16 ? 2 : 1);

    /// <summary>What <see cref="Bytes"/> is once <paramref name="end"/> positions are reserved; the other parameters are the constructor's.</summary>
    internal static long BytesFor(int heads, int headDim, int? ringPositions, bool bfloat16, int end)
    {
        long positions = ringPositions ?? (end + PagePositions - 1L) / PagePositions * PagePositions;
        return 2 * heads * positions * ((headDim + 15) & ~15) * (bfloat16 ? sizeof(ushort) : sizeof(float));
    }

    /// <summary>Forgets every position; the memory is kept.</summary>
    internal void Clear() => FirstHeld = 0;

    /// <summary>Whether positions are forgotten once the ring is full.</summary>
    internal bool IsRing => _ring;

    internal KeyValueCache Copy(Func<KeyValueCache> make)
    {
        KeyValueCache copy = make();
        foreach (Memory<float> page in _pages)
        {
            Memory<float> other = AlignedBuffer.Allocate<float>(page.Length);
            page.CopyTo(other);
            copy._pages.Add(other);
        }
        copy.FirstHeld = FirstHeld;
        return copy;
    }

    /// <summary>A copy of the positions <paramref name="first"/> … <paramref name="end"/> − 1, which the ring must hold.</summary>
    internal byte[] CopyOut(int first, int end)
    {
        byte[] copy = new byte[2 * _heads * (end - first) * RowBytes];
        Exchange(copy, first, end, restore: false);
        return copy;
    }

    /// <summary>Puts a copy back: the ring then holds its positions and none before them.</summary>
    internal void CopyIn(byte[] copy, int first, int end)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(copy.Length, 2 * _heads * (end - first) * RowBytes);
        Exchange(copy, first, end, restore: true);
        FirstHeld = first;
    }

    /// <summary>Makes room for positions up to <paramref name="end"/> − 1.</summary>
    internal void Reserve(int end)
    {
        int pages = _ring ? 1 : (end + _positionsPerPage - 1) / _positionsPerPage;
        while (_pages.Count < pages)
        {
            Memory<float> page = AlignedBuffer.Allocate<float>(PageFloats);
            page.Span.Clear();
            _pages.Add(page);
        }
        if (_ring)
            FirstHeld = Math.Max(FirstHeld, end - _positionsPerPage);
    }

    /// <summary>Writes the key and value rows of one reserved position; a ring forgets the position that lay there before.</summary>
    internal void Write(int position, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, _heads * _headDim);
        ArgumentOutOfRangeException.ThrowIfNotEqual(value.Length, _heads * _headDim);
        (int page, int slot) = Locate(position);
        for (int head = 0; head < _heads; head++)
        {
            Store(page, head, slot, values: false, key.Slice(head * _headDim, _headDim));
            Store(page, head, slot, values: true, value.Slice(head * _headDim, _headDim));
        }
    }

    /// <summary>
    /// The keys (or values) of one head at consecutive positions from <paramref name="position"/>, at most <paramref name="most"/> and as many as lie
    /// together: in place, or widened into <paramref name="scratch"/> (most × padded channels).
    /// </summary>
    /// <param name="head">Key/value head.</param>
    /// <param name="position">First position; must be held.</param>
    /// <param name="most">Positions wanted.</param>
    /// <param name="values">Values instead of keys.</param>
    /// <param name="scratch">Where bfloat16 rows are widened to.</param>
    /// <param name="count">Positions returned.</param>
    internal float* Tile(int head, int position, int most, bool values, float* scratch, out int count)
    {
        (int page, int slot) = Locate(position);
        count = Math.Min(most, _positionsPerPage - slot);
        int at = Offset(head, slot, values);
        float* data = (float*)Unsafe.AsPointer(ref _pages[page].Span[0]);      // pinned, see AlignedBuffer
        if (!_bfloat16)
            return data + at;
        ushort* source = (ushort*)data + at;
        for (int i = 0; i < count * _paddedDim; i++)
            scratch[i] = Bfloat16.ToSingle(source[i]);
        return scratch;
    }

    /// <summary>Where the next tile begins, to be asked for before it is needed; <paramref name="here"/> where there is none or it must be widened.</summary>
    internal float* Ahead(int head, int position, int left, bool values, float* here)
    {
        if (left <= 0 || _bfloat16)
            return here;
        (int page, int slot) = Locate(position);
        return (float*)Unsafe.AsPointer(ref _pages[page].Span[0]) + Offset(head, slot, values);
    }

    private int RowBytes => _paddedDim * (_bfloat16 ? sizeof(ushort) : sizeof(float));

    // [keys | values], each [key/value head][position][channel], between the ring and a copy.
    private void Exchange(Span<byte> copy, int first, int end, bool restore)
    {
        if (first == end)
            return;
        Span<byte> ring = System.Runtime.InteropServices.MemoryMarshal.AsBytes(_pages[0].Span);
        for (int lane = 0; lane < 2 * _heads; lane++)
        {
            for (int position = first, count; position < end; position += count)
            {
                int slot = position % _positionsPerPage;
                count = Math.Min(end - position, _positionsPerPage - slot);
                Span<byte> held = ring.Slice((lane * _positionsPerPage + slot) * RowBytes, count * RowBytes);
                Span<byte> copied = copy.Slice((lane * (end - first) + position - first) * RowBytes, count * RowBytes);
                if (restore)
                    copied.CopyTo(held);
                else
                    held.CopyTo(copied);
            }
        }
    }

    private (int Page, int Slot) Locate(int position) => _ring ? (0, position % _positionsPerPage) : (position / _positionsPerPage, position % _positionsPerPage);

    private int Offset(int head, int slot, bool values) => (((values ? _heads : 0) + head) * _positionsPerPage + slot) * _paddedDim;

    private void Store(int page, int head, int slot, bool values, ReadOnlySpan<float> row)
    {
        int at = Offset(head, slot, values);
        if (!_bfloat16)
        {
            row.CopyTo(_pages[page].Span[at..]);
            return;
        }
        Span<ushort> target = System.Runtime.InteropServices.MemoryMarshal.Cast<float, ushort>(_pages[page].Span).Slice(at, row.Length);
        for (int i = 0; i < row.Length; i++)
            target[i] = Bfloat16.FromSingle(row[i]);
    }
}
