using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>bfloat16 weights as stored: [rows, columns] of one matrix or [matrices, rows, columns], row-major.</summary>
internal sealed unsafe class Bf16Matrix : Weights
{
    /// <summary>Views <paramref name="data"/>, the bits of all values.</summary>
    /// <exception cref="ArgumentException">The length is not that of the shape.</exception>
    internal Bf16Matrix(ReadOnlyMemory<ushort> data, int rows, int columns, int count = 1) : base(count, rows, columns)
    {
        if (data.Length != (long)count * rows * columns)
            throw new ArgumentException($"A [{rows}, {columns}] matrix holds {(long)count * rows * columns} values, not {data.Length}.", nameof(data));
        Data = data;
    }

    /// <summary>The bits, row by row.</summary>
    internal ReadOnlyMemory<ushort> Data { get; }

    internal override string Format => "BF16";

    internal override long Bytes => sizeof(ushort) * (long)Data.Length;

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (ushort* data = Data.Span)
            job.Run(new Bf16Rows(data, Columns));
    }

    internal override void Decode(int row, Span<float> target)
    {
        ReadOnlySpan<ushort> bits = Data.Span.Slice(row * Columns, Columns);
        for (int i = 0; i < bits.Length; i++)
            target[i] = Bfloat16.ToSingle(bits[i]);
    }

    internal override NotANumber? FindNotANumber(int matrix)
    {
        int each = Rows * Columns;
        ReadOnlySpan<ushort> bits = Data.Span.Slice(matrix * each, each);
        for (int i = 0; i < bits.Length; i++)
        {
            if ((bits[i] & 0x7F80) == 0x7F80)
                return new(sizeof(ushort) * ((long)matrix * each + i), $"the value {Bfloat16.ToSingle(bits[i])}", "weights are finite numbers");
        }
        return null;
    }

    internal override Weights Packed(WorkerPool pool) => Count == 1 ? (Weights?)PackedMatrix.Pack(this, pool) ?? this : this;
}

/// <summary>bfloat16 rows: lane j takes elements j, j + 16, j + 32, …; a short tail is padded with zeros.</summary>
internal readonly unsafe struct Bf16Rows(ushort* data, int columns) : IWeightRows
{
    public int PaddedColumns => (columns + 15) & ~15;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
            Widen<TBlock>(row + r, begin, end, rowsAhead, target + r * stride);
    }

    private void Widen<TBlock>(nint row, int begin, int end, int rowsAhead, float* target) where TBlock : struct, IF32x16<TBlock>
    {
        ushort* w = data + row * columns;
        int whole = Math.Min(end, columns & ~15);
        int k = begin;
        nint ahead = (nint)rowsAhead * columns;
        for (; k < whole; k += 16)
        {
            if (Sse.IsSupported && (k & 16) == 0)
                Sse.Prefetch1(w + k + ahead);
            TBlock.Store(TBlock.Load(w + k), target + (k - begin));
        }
        if (k < end)
            TBlock.Store(Tail<TBlock>(w + k, columns - k), target + (k - begin));
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        if ((columns & 15) != 0)
        {
            // Apart: sums that are live across a call, here that for the tail, would be written to the stack in every turn of the loop.
            for (int r = 0; r < 4; r++)
                dots[r] = Dot<TBlock>(row + r, x);
            return;
        }
        ushort* w0 = data + row * columns, w1 = w0 + columns, w2 = w1 + columns, w3 = w2 + columns;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (nint k = 0; k < columns; k += 16)
        {
            if (Sse.IsSupported)
            {
                byte* ahead = (byte*)w0 + Prefetch.Bytes + k * 8;      // four rows of two bytes
                Sse.Prefetch1(ahead);
                Sse.Prefetch1(ahead + 64);
            }
            TBlock a = TBlock.Load(x + k);
            s0 = TBlock.FusedMultiplyAdd(TBlock.Load(w0 + k), a, s0);
            s1 = TBlock.FusedMultiplyAdd(TBlock.Load(w1 + k), a, s1);
            s2 = TBlock.FusedMultiplyAdd(TBlock.Load(w2 + k), a, s2);
            s3 = TBlock.FusedMultiplyAdd(TBlock.Load(w3 + k), a, s3);
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        ushort* w = data + row * columns;
        TBlock sum = TBlock.Zero;
        nint whole = columns & ~15, k = 0;
        for (; k < whole; k += 16)
            sum = TBlock.FusedMultiplyAdd(TBlock.Load(w + k), TBlock.Load(x + k), sum);
        if (k < columns)
            sum = TBlock.FusedMultiplyAdd(Tail<TBlock>(w + k, columns - (int)k), TBlock.Load(x + k), sum);
        return TBlock.Reduce(sum);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TBlock Tail<TBlock>(ushort* w, int count) where TBlock : struct, IF32x16<TBlock>
    {
        ushort* padded = stackalloc ushort[16];
        new Span<ushort>(padded, 16).Clear();
        new ReadOnlySpan<ushort>(w, count).CopyTo(new Span<ushort>(padded, 16));
        return TBlock.Load(padded);
    }
}
