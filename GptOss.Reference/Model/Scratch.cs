using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>Memory for a block's intermediate rows: given out front to back, taken back all at once, kept between calls.</summary>
internal sealed class Scratch
{
    private Memory<float> _memory;
    private int _used;

    /// <summary>Takes everything back and makes room for <paramref name="floats"/> in all.</summary>
    internal void Reset(long floats)
    {
        if (_memory.Length < floats)
            _memory = AlignedBuffer.Allocate<float>(checked((int)floats));
        _used = 0;
    }

    /// <summary>Uninitialised rows, each on a 64-byte boundary and padded to whole cache lines.</summary>
    internal Rows Rows(int count, int width)
    {
        int stride = Stride(width), floats = checked(count * stride);
        Rows rows = new(_memory.Span.Slice(_used, floats), count, width, stride);
        _used += floats;
        return rows;
    }

    /// <summary>Floats that <see cref="Rows"/> takes for one row.</summary>
    internal static int Stride(int width) => (width + 15) & ~15;
}
