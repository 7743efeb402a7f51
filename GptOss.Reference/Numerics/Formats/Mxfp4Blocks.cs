namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// MXFP4 as GGUF files have it: blocks of 17 bytes, the scale first. Byte j of a block holds elements j and j + 16, or elements 2j and 2j + 1 as in
/// safetensors, which is how Ollama's first files were written.
/// </summary>
internal sealed unsafe class Mxfp4Blocks : Weights
{
    /// <summary>Bytes of a block with its scale.</summary>
    internal const int BlockBytes = Mxfp4.BlockBytes + 1;

    private readonly ReadOnlyMemory<byte> _blocks;
    private readonly bool _arePairs;

    /// <summary>Views the bytes of all blocks.</summary>
    /// <param name="blocks">[matrices, rows, columns / 32, 17].</param>
    /// <param name="rows">Outputs.</param>
    /// <param name="columns">Inputs.</param>
    /// <param name="count">Matrices.</param>
    /// <param name="arePairs">Whether a byte holds two neighbours.</param>
    /// <exception cref="ArgumentException">The length is not that of the shape, or columns are not whole blocks.</exception>
    internal Mxfp4Blocks(ReadOnlyMemory<byte> blocks, int rows, int columns, int count, bool arePairs) : base(count, rows, columns)
    {
        if (columns % Mxfp4.BlockWeights != 0 || blocks.Length != (long)count * rows * (columns / Mxfp4.BlockWeights) * BlockBytes)
            throw new ArgumentException($"{blocks.Length} bytes are not [{count}, {rows}, {columns}] weights of MXFP4.", nameof(blocks));
        (_blocks, _arePairs) = (blocks, arePairs);
    }

    internal override string Format => "MXFP4";

    internal override long Bytes => _blocks.Length;

    internal override bool ReadsPairs => true;

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (byte* blocks = _blocks.Span)
        {
            if (_arePairs)
                job.Run(new Mxfp4BlockRows<PairedGgufMxfp4>(blocks, Mxfp4.ScaledValues(0), Columns));
            else
                job.Run(new Mxfp4BlockRows<GgufMxfp4>(blocks, Mxfp4.ScaledValues(0), Columns));
        }
    }

    internal override bool HasIntegers => true;

    internal override void OpenIntegers<TJob>(ref TJob job)
    {
        fixed (byte* blocks = _blocks.Span)
        {
            if (_arePairs)
                job.Run(new Mxfp4IntegerRows<PairedGgufMxfp4>(blocks + 1, blocks, (nint)Count * Rows, Columns));
            else
                job.Run(new Mxfp4IntegerRows<GgufMxfp4>(blocks + 1, blocks, (nint)Count * Rows, Columns));
        }
    }

    internal override void Decode(int row, Span<float> target)
    {
        int perRow = Columns / Mxfp4.BlockWeights;
        for (int i = 0; i < Columns; i++)
        {
            ReadOnlySpan<byte> block = _blocks.Span.Slice((row * perRow + i / Mxfp4.BlockWeights) * BlockBytes, BlockBytes);
            int e = i % Mxfp4.BlockWeights, code = _arePairs
                ? block[1 + e / 2] >> 4 * (e % 2) & 15
                : block[1 + e % Mxfp4.BlockBytes] >> 4 * (e / Mxfp4.BlockBytes) & 15;
            target[i] = Mxfp4.ScaledValues(block[0])[code];
        }
    }

    internal override NotANumber? FindNotANumber(int matrix)
    {
        int each = _blocks.Length / Count;
        ReadOnlySpan<byte> blocks = _blocks.Span.Slice(matrix * each, each);
        for (int at = 0; at < each; at += BlockBytes)
        {
            if (blocks[at] == Mxfp4.NaNScale)
                return new((long)matrix * each + at, "the scale 255", "E8M0 scales of weights go from 0 to 254");
        }
        return null;
    }
}
