namespace GptOss.Reference.Numerics.Formats.Blocks;

/// <summary>Weights in a block format, read in place: [matrices, rows, columns / block, bytes of a block].</summary>
internal sealed unsafe class BlockMatrix<TFormat> : Weights where TFormat : struct, IBlockFormat
{

    /// <summary>Views the bytes of all blocks.</summary>
    /// <exception cref="ArgumentException">Their length is not that of the shape, or columns are not whole blocks.</exception>
    internal BlockMatrix(ReadOnlyMemory<byte> blocks, int rows, int columns, int count) : base(count, rows, columns)
    {
        if (columns % TFormat.Weights != 0 || blocks.Length != (long)count * rows * (columns / TFormat.Weights) * TFormat.Bytes)
            throw new ArgumentException($"{blocks.Length} bytes are not [{count}, {rows}, {columns}] weights of {TFormat.Name}.", nameof(blocks));
        Blocks = blocks;
    }

    /// <summary>All blocks.</summary>
    internal ReadOnlyMemory<byte> Blocks { get; }

    internal override string Format => TFormat.Name;

    internal override long Bytes => Blocks.Length;

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (byte* blocks = Blocks.Span)
            job.Run(new BlockRows<TFormat>(blocks, Columns));
    }

    internal override void Decode(int row, Span<float> target)
    {
        float* values = stackalloc float[IBlockFormat.LargestBlock];
        int perRow = Columns / TFormat.Weights;
        fixed (byte* blocks = Blocks.Span)
        {
            for (int i = 0; i < perRow; i++)
            {
                TFormat.Decode(blocks + ((nint)row * perRow + i) * TFormat.Bytes, values);
                new ReadOnlySpan<float>(values, TFormat.Weights).CopyTo(target[(i * TFormat.Weights)..]);
            }
        }
    }

    internal override NotANumber? FindNotANumber(int matrix)
    {
        int each = Blocks.Length / Count;
        ReadOnlySpan<byte> blocks = Blocks.Span.Slice(matrix * each, each);
        for (int at = 0; at < each; at += TFormat.Bytes)
        {
            foreach (int scale in TFormat.Scales)
            {
                float value = Float16.Read(blocks[(at + scale)..]);
                if (!float.IsFinite(value))
                    return new((long)matrix * each + at + scale, $"the scale {value}", $"scales of {TFormat.Name} are finite numbers");
            }
        }
        return null;
    }
}
