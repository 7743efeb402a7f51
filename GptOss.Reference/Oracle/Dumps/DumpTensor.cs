using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Bytes of a tensor from an offset; valid while its dump is open.</summary>
internal delegate ReadOnlySpan<byte> TensorBytes(long offset, int count);

/// <summary>One tensor of a <see cref="Dump"/>, read row by row: by default the first dimension counts rows and the others make up a row.</summary>
internal sealed class DumpTensor
{
    /// <summary>Elements that are converted at once where a whole tensor is searched.</summary>
    private const int PieceElements = 1 << 14;

    private readonly string _file;
    private readonly TensorBytes _bytes;

    /// <exception cref="UnreadMemberException">Elements of that type are not read, or there are more than an index counts.</exception>
    internal DumpTensor(string file, string name, DType type, IReadOnlyList<long> shape, TensorBytes bytes)
        : this(file, name, type, shape, bytes, shape.Count < 2 ? 1 : shape[0], shape.Count < 2 ? shape : [.. shape.Skip(1)])
    {
        if (!DumpElements.AreRead(type))
            throw new UnreadMemberException($"has elements of type {type}, which are not read");
        if (!shape.Contains(0) && (Width == 0 || Rows == 0))
            throw new UnreadMemberException($"is {Printable.Shape(shape)}; more than {int.MaxValue} rows or elements in a row are not read");
    }

    private DumpTensor(string file, string name, DType type, IReadOnlyList<long> shape, TensorBytes bytes, long rows, IReadOnlyList<long> rowShape)
    {
        (_file, Name, Type, Shape, _bytes, RowShape) = (file, name, type, shape, bytes, rowShape);
        if (shape.Contains(0))
            return;
        long width = Product(rowShape);                                 // fits: the bytes are there
        if (width <= int.MaxValue && rows <= int.MaxValue)
            (Rows, Width) = ((int)rows, (int)width);
    }

    /// <summary>Its name in the file; the file's own name where the format knows none.</summary>
    public string Name { get; }

    /// <summary>Element type in the file; JSON numbers are F64.</summary>
    public DType Type { get; }

    /// <summary>Sizes as in the file, outermost first.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>Rows, one a position. A tensor of one dimension is one row.</summary>
    public int Rows { get; }

    /// <summary>Elements of a row.</summary>
    public int Width { get; }

    /// <summary>Whether the columns of what is stored are read as rows.</summary>
    internal bool IsOfColumns { get; private init; }

    /// <summary>Elements of a stored row that are not read, because the vocabulary was padded.</summary>
    internal int Padding { get; private init; }

    /// <summary>How its rows were found where they are not simply there, a sentence without its end; null where they are.</summary>
    internal string? Layout
    {
        get
        {
            if (!IsOfColumns && Padding == 0)
                return null;
            string columns = IsOfColumns ? "its columns are read as rows" : "";
            string padding = Padding > 0 ? $"of {Width + Padding} logits in each row the last {Padding} are padding of the vocabulary" : "";
            return $"'{Printable.Clip(Name)}' is {Printable.Shape(Shape)}: {columns}{(IsOfColumns && Padding > 0 ? ", and " : "")}{padding}";
        }
    }

    /// <summary>The sizes that make up a row.</summary>
    public IReadOnlyList<long> RowShape { get; }

    /// <summary>Whether elements are integers.</summary>
    public bool IsInteger => Type is DType.I8 or DType.U8 or DType.I16 or DType.U16 or DType.I32 or DType.U32 or DType.I64 or DType.U64;

    /// <summary>The same tensor with rows of a given shape: [1, 7, 512] is seven rows of [512], and [7, 128] is seven rows of [2, 64].</summary>
    /// <exception cref="CheckpointFormatException">Rows of so many elements do not make up this tensor's shape.</exception>
    public DumpTensor WithRowsOf(IReadOnlyList<long> rowShape) => TryWithRowsOf(rowShape)
        ?? throw Bad($"is {Printable.Shape(Shape)}; expected rows of {Printable.Shape(rowShape)}.");

    /// <summary>The same; null where rows of so many elements do not make up this tensor's shape.</summary>
    public DumpTensor? TryWithRowsOf(IReadOnlyList<long> rowShape)
    {
        ArgumentNullException.ThrowIfNull(rowShape);
        if (Shape.Contains(0) || rowShape.Contains(0))
            return null;
        long width = Product(rowShape), inner = 1;
        int outer = Shape.Count;
        while (inner < width && outer > 0)
            inner *= Shape[--outer];
        return inner == width ? OrNull(new(_file, Name, Type, Shape, _bytes, Product(Shape.Take(outer)), rowShape)) : null;
    }

    /// <summary>
    /// The columns of this tensor as rows: [512, 7] is seven rows of [512]. Null where the outer sizes do not make up a row, or leave nothing.
    /// </summary>
    internal DumpTensor? TryWithColumnsOf(IReadOnlyList<long> rowShape)
    {
        if (Shape.Contains(0) || rowShape.Contains(0))
            return null;
        long width = Product(rowShape), outer = 1;
        int taken = 0;
        while (outer < width && taken < Shape.Count)
            outer *= Shape[taken++];
        if (outer != width || taken == Shape.Count)
            return null;
        long rows = Product(Shape.Skip(taken)), size = DumpElements.Bytes(Type);
        TensorBytes stored = _bytes;
        return OrNull(new(_file, Name, Type, Shape, Gather, rows, rowShape) { IsOfColumns = true });

        ReadOnlySpan<byte> Gather(long offset, int count)
        {
            byte[] gathered = new byte[count];
            (long row, long column) = Math.DivRem(offset / size, width);
            for (int at = 0; at < count; at += (int)size)
            {
                stored((column * rows + row) * size, (int)size).CopyTo(gathered.AsSpan(at));
                if (++column == width)
                    (row, column) = (row + 1, 0);
            }
            return gathered;
        }
    }

    /// <summary>A tensor whose elements are stored with the first index running fastest, as Fortran and <c>x.T</c> in numpy have it.</summary>
    /// <exception cref="UnreadMemberException">More than two of its sizes are above 1.</exception>
    internal static DumpTensor OfColumns(string file, string name, DType type, IReadOnlyList<long> shape, TensorBytes bytes)
    {
        long[] sizes = [.. shape.Where(size => size != 1)];
        if (sizes.Length < 2)
            return new(file, name, type, shape, bytes);
        if (sizes.Length > 2)
            throw new UnreadMemberException($"is {Printable.Shape(shape)} in Fortran order; save numpy.ascontiguousarray(x) instead");
        DumpTensor stored = new(file, name, type, [sizes[1], sizes[0]], bytes);
        return stored.TryWithColumnsOf([sizes[1]]) is { } columns
            ? new(file, name, type, shape, columns._bytes)
            : new(file, name, type, shape, bytes);
    }

    /// <summary>The first <paramref name="width"/> elements of every row.</summary>
    internal DumpTensor FirstOfEachRow(int width)
    {
        int size = DumpElements.Bytes(Type);
        long all = (long)Width * size, kept = (long)width * size;
        TensorBytes stored = _bytes;
        return new(_file, Name, Type, Shape, (offset, count) => stored(offset / kept * all + offset % kept, count), Rows, [width])
        {
            IsOfColumns = IsOfColumns,
            Padding = Width - width,
        };
    }

    /// <summary>Widens a row; float64 is rounded to float32.</summary>
    public void ReadRow(int row, Span<float> values) => DumpElements.Read(Type, RawRow(row, values.Length), values);

    /// <summary>Widens a row, exactly.</summary>
    public void ReadRow(int row, Span<double> values) => DumpElements.Read(Type, RawRow(row, values.Length), values);

    /// <summary>A row of whole numbers, such as expert or token ids, whatever type they were stored as.</summary>
    /// <exception cref="CheckpointFormatException">One is not a whole number, or does not fit.</exception>
    public void ReadIntegers(int row, Span<int> values)
    {
        double[] wide = new double[values.Length];
        ReadRow(row, wide);
        for (int i = 0; i < wide.Length; i++)
        {
            values[i] = wide[i] == Math.Floor(wide[i]) && Math.Abs(wide[i]) <= int.MaxValue ? (int)wide[i]
                : throw Bad($"holds {wide[i]:R} at element {i} of row {row}; expected a whole number.");
        }
    }

    /// <summary>Whether every value is a bfloat16 value, or NaN: then it was rounded to bfloat16, whatever type it is stored as.</summary>
    /// <returns>False for a tensor without elements.</returns>
    public bool HoldsBfloat16()
    {
        if (Type == DType.BF16 || Rows == 0)
            return Rows > 0;
        float[] narrow = new float[Math.Min(PieceElements, Width)];
        double[] wide = new double[narrow.Length];
        for (int row = 0; row < Rows; row++)
        {
            for (int at = 0; at < Width; at += PieceElements)
            {
                int count = Math.Min(PieceElements, Width - at);
                ReadOnlySpan<byte> bytes = RawPiece(row, at, count);
                DumpElements.Read(Type, bytes, narrow.AsSpan(0, count));
                DumpElements.Read(Type, bytes, wide.AsSpan(0, count));
                for (int i = 0; i < count; i++)
                {
                    if (!double.IsNaN(wide[i]) && (narrow[i] != wide[i] || Bfloat16.Round(narrow[i]) != narrow[i]))
                        return false;
                }
            }
        }
        return true;
    }

    /// <summary>Whether another tensor is of the same type and shape and has the same bits.</summary>
    internal bool HasSameBits(DumpTensor other)
    {
        if (Type != other.Type || !Shape.SequenceEqual(other.Shape))
            return false;
        for (int row = 0; row < Rows; row++)
        {
            if (!RawRow(row).SequenceEqual(other.RawRow(row)))
                return false;
        }
        return true;
    }

    /// <summary>The bytes of a row as they are stored; valid while the dump is open.</summary>
    internal ReadOnlySpan<byte> RawRow(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        long bytes = (long)Width * DumpElements.Bytes(Type);
        return bytes <= int.MaxValue ? _bytes(row * bytes, (int)bytes) : throw Bad($"has rows of {bytes} bytes; at most {int.MaxValue} are read.");
    }

    private static DumpTensor? OrNull(DumpTensor tensor) => tensor.Rows > 0 ? tensor : null;

    private static long Product(IEnumerable<long> sizes) => sizes.Aggregate(1L, (a, b) => a * b);

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Type} {Printable.Shape(Shape)}";

    private ReadOnlySpan<byte> RawRow(int row, int length) => length == Width ? RawRow(row)
        : throw new ArgumentException($"The row has {Width} elements, and there is room for {length}.", nameof(length));

    private ReadOnlySpan<byte> RawPiece(int row, int first, int count)
    {
        int size = DumpElements.Bytes(Type);
        return _bytes(((long)row * Width + first) * size, count * size);
    }

    private CheckpointFormatException Bad(string what) => new(_file, "dump-tensor", $"tensor '{Printable.Clip(Name)}' {what}");
}
