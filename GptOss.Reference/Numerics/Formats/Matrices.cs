namespace GptOss.Reference.Numerics.Formats;

/// <summary>A bfloat16 weight matrix as stored: [rows, columns], row-major, read in place.</summary>
public readonly struct Bf16Matrix
{
    /// <summary>Views <paramref name="data"/>, the bits of rows × columns bfloat16 values.</summary>
    /// <exception cref="ArgumentException">The length is not rows × columns.</exception>
    public Bf16Matrix(ReadOnlyMemory<ushort> data, int rows, int columns)
    {
        if (rows <= 0 || columns <= 0 || data.Length != (long)rows * columns)
            throw new ArgumentException($"A [{rows}, {columns}] matrix holds {(long)rows * columns} values, not {data.Length}.", nameof(data));
        (Data, Rows, Columns) = (data, rows, columns);
    }

    /// <summary>The bits, row by row.</summary>
    public ReadOnlyMemory<ushort> Data { get; }

    /// <summary>Outputs.</summary>
    public int Rows { get; }

    /// <summary>Inputs.</summary>
    public int Columns { get; }

    /// <summary>The same weights in fewer bytes, which products read instead; null where there are none.</summary>
    internal PackedMatrix? Packed { get; init; }
}

/// <summary>The MXFP4 matrices of all experts of one layer as stored: blocks [experts, rows, columns / 32, 16], scales [experts, rows, columns / 32].</summary>
public readonly struct Mxfp4Experts
{
    /// <summary>Views the bytes of both tensors.</summary>
    /// <exception cref="ArgumentException">A length does not match, or columns are not whole blocks of 32.</exception>
    public Mxfp4Experts(ReadOnlyMemory<byte> blocks, ReadOnlyMemory<byte> scales, int experts, int rows, int columns)
    {
        if (experts <= 0 || rows <= 0 || columns <= 0 || columns % Mxfp4.BlockWeights != 0)
            throw new ArgumentException($"[{experts}, {rows}, {columns}] is no shape of MXFP4 experts: columns come in blocks of 32.", nameof(columns));
        long blockCount = (long)experts * rows * (columns / Mxfp4.BlockWeights);
        if (scales.Length != blockCount || blocks.Length != blockCount * Mxfp4.BlockBytes)
        {
            throw new ArgumentException(
                $"[{experts}, {rows}, {columns}] MXFP4 weights take {blockCount * Mxfp4.BlockBytes} bytes of blocks and {blockCount} of scales, not {blocks.Length} and {scales.Length}.",
                nameof(blocks));
        }
        (Blocks, Scales, Experts, Rows, Columns) = (blocks, scales, experts, rows, columns);
    }

    /// <summary>Nibble pairs.</summary>
    public ReadOnlyMemory<byte> Blocks { get; }

    /// <summary>One E8M0 byte for each block.</summary>
    public ReadOnlyMemory<byte> Scales { get; }

    /// <summary>Number of matrices.</summary>
    public int Experts { get; }

    /// <summary>Outputs of one expert.</summary>
    public int Rows { get; }

    /// <summary>Inputs of one expert.</summary>
    public int Columns { get; }
}
