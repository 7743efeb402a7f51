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
        {
            throw new ArgumentException($"A [{rows}, {columns}] matrix holds {(long)count * rows * columns} values, not {data.Length}.",
                nameof(data));
        }
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
