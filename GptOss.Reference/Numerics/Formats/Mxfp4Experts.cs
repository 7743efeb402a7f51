namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// The MXFP4 matrices of all experts of one layer as published: blocks [experts, rows, columns / 32, 16] and, in a tensor of their own, scales
/// [experts, rows, columns / 32].
/// </summary>
internal sealed unsafe class Mxfp4Experts : Weights
{
    /// <summary>Views the bytes of both tensors.</summary>
    /// <exception cref="ArgumentException">A length does not match, or columns are not whole blocks of 32.</exception>
    internal Mxfp4Experts(ReadOnlyMemory<byte> blocks, ReadOnlyMemory<byte> scales, int experts, int rows, int columns) : base(experts, rows, columns)
    {
        if (columns % Mxfp4.BlockWeights != 0)
        {
            throw new ArgumentException($"[{experts}, {rows}, {columns}] is not a shape of MXFP4 experts: columns come in blocks of 32.",
                nameof(columns));
        }
        long blockCount = (long)experts * rows * (columns / Mxfp4.BlockWeights);
        if (scales.Length != blockCount || blocks.Length != blockCount * Mxfp4.BlockBytes)
        {
            throw new ArgumentException(
                $"[{experts}, {rows}, {columns}] MXFP4 weights take {blockCount * Mxfp4.BlockBytes} bytes of blocks and {blockCount} of scales, " +
                    $"not {blocks.Length} and {scales.Length}.",
                nameof(blocks));
        }
        (Blocks, Scales) = (blocks, scales);
    }

    /// <summary>Nibble pairs.</summary>
    internal ReadOnlyMemory<byte> Blocks { get; }

    /// <summary>One E8M0 byte for each block.</summary>
    internal ReadOnlyMemory<byte> Scales { get; }

    internal override string Format => "MXFP4";

    internal override long Bytes => (long)Blocks.Length + Scales.Length;

    internal override bool ReadsPairs => true;

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (byte* blocks = Blocks.Span, scales = Scales.Span)
            job.Run(new Mxfp4Rows(blocks, scales, Mxfp4.ScaledValues(0), Columns));
    }

    internal override bool HasIntegers => true;

    internal override void OpenIntegers<TJob>(ref TJob job)
    {
        fixed (byte* blocks = Blocks.Span, scales = Scales.Span)
            job.Run(new Mxfp4IntegerRows<PublishedMxfp4>(blocks, scales, (nint)Count * Rows, Columns));
    }

    internal override void Decode(int row, Span<float> target)
    {
        int perRow = Columns / Mxfp4.BlockWeights;
        for (int i = 0; i < Columns; i++)
        {
            int block = row * perRow + i / Mxfp4.BlockWeights;
            target[i] = Mxfp4.Decode(Blocks.Span.Slice(block * Mxfp4.BlockBytes, Mxfp4.BlockBytes), Scales.Span[block], i % Mxfp4.BlockWeights);
        }
    }

    internal override NotANumber? FindNotANumber(int matrix)
    {
        int each = Scales.Length / Count, at = Scales.Span.Slice(matrix * each, each).IndexOf(Mxfp4.NaNScale);
        return at < 0 ? null : new((long)matrix * each + at, "the scale 255", "E8M0 scales of weights go from 0 to 254");
    }
}
