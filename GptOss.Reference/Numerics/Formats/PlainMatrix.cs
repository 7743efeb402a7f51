namespace GptOss.Reference.Numerics.Formats;

/// <summary>Weights stored as plain numbers, read in place: [matrices, rows, columns].</summary>
internal sealed unsafe class PlainMatrix<TElement> : Weights where TElement : struct, IStoredElement
{
    private readonly ReadOnlyMemory<byte> _elements;

    /// <summary>Views the bytes of all elements.</summary>
    /// <exception cref="ArgumentException">Their length is not that of the shape.</exception>
    internal PlainMatrix(ReadOnlyMemory<byte> elements, int rows, int columns, int count) : base(count, rows, columns)
    {
        if (elements.Length != (long)count * rows * columns * TElement.Bytes)
        {
            throw new ArgumentException($"{elements.Length} bytes are not [{count}, {rows}, {columns}] weights of {TElement.Name}.",
                nameof(elements));
        }
        _elements = elements;
    }

    internal override string Format => TElement.Name;

    internal override long Bytes => _elements.Length;

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (byte* elements = _elements.Span)
            job.Run(new PlainRows<TElement>(elements, Columns));
    }

    internal override void Decode(int row, Span<float> target)
    {
        fixed (byte* elements = _elements.Span)
        {
            for (int i = 0; i < Columns; i++)
                target[i] = TElement.One(elements + ((nint)row * Columns + i) * TElement.Bytes);
        }
    }

    internal override NotANumber? FindNotANumber(int matrix)
    {
        nint each = (nint)Rows * Columns, first = matrix * each;
        fixed (byte* elements = _elements.Span)
        {
            for (nint i = first; i < first + each; i++)
            {
                float value = TElement.One(elements + i * TElement.Bytes);
                if (!float.IsFinite(value))
                    return new(i * TElement.Bytes, $"the value {value}", "weights are finite numbers");
            }
        }
        return null;
    }
}
