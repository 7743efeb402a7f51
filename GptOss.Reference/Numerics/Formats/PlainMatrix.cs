using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>A stored number that is not a block: float32 or float16.</summary>
internal unsafe interface IStoredElement
{
    /// <summary>The format's name.</summary>
    static abstract string Name { get; }

    /// <summary>Bytes of an element.</summary>
    static abstract int Bytes { get; }

    /// <summary>One element as float32, exactly.</summary>
    static abstract float One(byte* element);

    /// <summary>Sixteen consecutive elements as float32, exactly.</summary>
    static abstract TBlock Load<TBlock>(byte* elements) where TBlock : struct, IF32x16<TBlock>;
}

/// <summary>float32.</summary>
internal readonly unsafe struct F32Element : IStoredElement
{
    public static string Name => "F32";
    public static int Bytes => 4;

    public static float One(byte* element) => *(float*)element;

    public static TBlock Load<TBlock>(byte* elements) where TBlock : struct, IF32x16<TBlock> => TBlock.Load((float*)elements);
}

/// <summary>IEEE binary16.</summary>
internal readonly unsafe struct F16Element : IStoredElement
{
    public static string Name => "F16";
    public static int Bytes => 2;

    public static float One(byte* element) => Float16.Read(element);

    public static TBlock Load<TBlock>(byte* elements) where TBlock : struct, IF32x16<TBlock>
    {
        float* wide = stackalloc float[16];
        for (int i = 0; i < 16; i += 4)
            Float16.Widen4(elements + 2 * i).Store(wide + i);
        return TBlock.Load(wide);
    }
}

/// <summary>Weights stored as plain numbers, read in place: [matrices, rows, columns].</summary>
internal sealed unsafe class PlainMatrix<TElement> : Weights where TElement : struct, IStoredElement
{
    private readonly ReadOnlyMemory<byte> _elements;

    /// <summary>Views the bytes of all elements.</summary>
    /// <exception cref="ArgumentException">Their length is not that of the shape.</exception>
    internal PlainMatrix(ReadOnlyMemory<byte> elements, int rows, int columns, int count) : base(count, rows, columns)
    {
        if (elements.Length != (long)count * rows * columns * TElement.Bytes)
            throw new ArgumentException($"{elements.Length} bytes are not [{count}, {rows}, {columns}] weights of {TElement.Name}.", nameof(elements));
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

/// <summary>Rows of plain numbers: lane j takes elements j, j + 16, j + 32, …; a short tail is padded with zeros.</summary>
internal readonly unsafe struct PlainRows<TElement>(byte* elements, int columns) : IWeightRows where TElement : struct, IStoredElement
{
    public int PaddedColumns => (columns + 15) & ~15;

    private nint RowBytes => (nint)columns * TElement.Bytes;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
        {
            byte* w = elements + (row + r) * RowBytes;
            for (int k = begin; k < end; k += 16)
                TBlock.Store(At<TBlock>(w, k), target + r * stride + (k - begin));
        }
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        if ((columns & 15) != 0)
        {
            for (int r = 0; r < 4; r++)
                dots[r] = Dot<TBlock>(row + r, x);
            return;
        }
        byte* w0 = elements + row * RowBytes, w1 = w0 + RowBytes, w2 = w1 + RowBytes, w3 = w2 + RowBytes;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (nint k = 0; k < columns; k += 16)
        {
            nint at = k * TElement.Bytes;
            if (Sse.IsSupported)
            {
                for (int line = 0; line < 64 * TElement.Bytes; line += 64)
                    Sse.Prefetch1(w0 + Prefetch.Bytes + 4 * at + line);
            }
            TBlock a = TBlock.Load(x + k);
            s0 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w0 + at), a, s0);
            s1 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w1 + at), a, s1);
            s2 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w2 + at), a, s2);
            s3 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w3 + at), a, s3);
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        byte* w = elements + row * RowBytes;
        TBlock sum = TBlock.Zero;
        for (int k = 0; k < columns; k += 16)
            sum = TBlock.FusedMultiplyAdd(At<TBlock>(w, k), TBlock.Load(x + k), sum);
        return TBlock.Reduce(sum);
    }

    private TBlock At<TBlock>(byte* w, int column) where TBlock : struct, IF32x16<TBlock>
    {
        byte* from = w + (nint)column * TElement.Bytes;
        return column + 16 <= columns ? TElement.Load<TBlock>(from) : Tail<TBlock>(from, columns - column);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TBlock Tail<TBlock>(byte* from, int count) where TBlock : struct, IF32x16<TBlock>
    {
        float* padded = stackalloc float[16];
        new Span<float>(padded, 16).Clear();
        for (int i = 0; i < count; i++)
            padded[i] = TElement.One(from + i * TElement.Bytes);
        return TBlock.Load(padded);
    }
}
