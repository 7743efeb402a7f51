namespace GptOss.Reference.Numerics.Buffers;

/// <summary>A borrowed view of float32 rows: <see cref="Count"/> × <see cref="Width"/>, one every <see cref="Stride"/> elements.</summary>
/// <remarks>A slice of rows or of columns is free, and a wrong shape throws where it is made.</remarks>
public readonly ref struct Rows
{
    private readonly Span<float> _data;

    /// <summary>
    /// Views <paramref name="data"/> as <paramref name="count"/> rows of <paramref name="width"/>, one every <paramref name="stride"/> elements.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, the rows overlap, or they do not fit into
    /// <paramref name="data"/>.</exception>
    public Rows(Span<float> data, int count, int width, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfNegative(width);
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, width);
        if (count > 0 && (count - 1) * (long)stride + width > data.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(data), data.Length,
                $"{count} rows of {width} every {stride} elements do not fit into {data.Length}.");
        }
        _data = data;
        Count = count;
        Width = width;
        Stride = stride;
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Elements of a row.</summary>
    public int Width { get; }

    /// <summary>Elements from the start of a row to the start of the next.</summary>
    public int Stride { get; }

    /// <summary>The elements of row <paramref name="row"/>.</summary>
    public Span<float> this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));
            return _data.Slice(row * Stride, Width);
        }
    }

    /// <summary>Columns <paramref name="first"/> … <paramref name="first"/> + <paramref name="width"/> − 1 of every row.</summary>
    public Rows Columns(int first, int width)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)first, (uint)Width, nameof(first));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)width, (uint)(Width - first), nameof(width));
        return new(Count == 0 ? default : _data[first..], Count, width, Stride);
    }

    /// <summary>Rows <paramref name="first"/> … <paramref name="first"/> + <paramref name="count"/> − 1.</summary>
    public Rows Slice(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)first, (uint)Count, nameof(first));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(Count - first), nameof(count));
        return new(count == 0 ? default : _data[(first * Stride)..], count, Width, Stride);
    }

    /// <summary>The same memory with every <paramref name="n"/> consecutive rows as one. The rows must be contiguous.</summary>
    /// <exception cref="InvalidOperationException">There are gaps between rows, or the rows do not make whole groups.</exception>
    public Rows Joined(int n)
    {
        if (Stride != Width || Count % n != 0)
            throw new InvalidOperationException($"{Count} rows of {Width} every {Stride} elements cannot be joined by {n}.");
        return new(_data, Count / n, Width * n, Stride * n);
    }

    /// <summary>Copies every row to <paramref name="destination"/>, which has the same shape.</summary>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public void CopyTo(Rows destination)
    {
        if (destination.Count != Count || destination.Width != Width)
            throw new ArgumentException($"{Count} × {Width} rows cannot be copied to {destination.Count} × {destination.Width}.");
        for (int row = 0; row < Count; row++)
            this[row].CopyTo(destination[row]);
    }

    /// <summary>Elements from the start of the last row to the end of its memory: the room for padding.</summary>
    internal int LastRowReach => _data.Length - (Count - 1) * Stride;

    /// <summary>The first element, for <c>fixed</c>.</summary>
    internal ref float First => ref System.Runtime.InteropServices.MemoryMarshal.GetReference(_data);
}
