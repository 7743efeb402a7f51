using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// A bfloat16 matrix in twelve bits a weight, without loss. A weight's low byte (the exponent's last bit and the mantissa) stays as it is; its
/// high byte (sign and the other exponent bits) becomes a 4-bit number in a list of the sixteen high bytes that its four rows use most.
/// </summary>
/// <remarks>
/// <para>
/// Sixteen high bytes are two signs × eight pairs of exponents. Of normally distributed weights about 3 in 100,000 have another one: the block of
/// 4 rows × 32 columns around such a weight is an <i>escape</i> and is kept beside the packed ones as plain bfloat16.
/// </para>
/// <para>
/// Layout: [quads of rows][blocks of 32 columns], 192 bytes each, in the order in which they are read: 128 low bytes, then 64 bytes of two
/// numbers each. The block falls into four lanes of 48 bytes, so that one table look-up, one interleaving of bytes, one shift and one mask within
/// 128-bit lanes give whole registers of float32 in natural order, whatever the width. The weight of row r at column 16·s + 4·lane + t (s of 0
/// and 1, t of 0…3) has its low byte at 64·⌊r/2⌋ + <i>i</i> and its number in byte 128 + <i>i</i>, in the low half for rows 0 and 1, with
/// <i>i</i> = 16·lane + 8·(r mod 2) + 2·t + s.
/// </para>
/// </remarks>
internal sealed unsafe class PackedMatrix : Weights
{
    /// <summary>Columns of a block, and rows of a quad.</summary>
    internal const int BlockColumns = 32, QuadRows = 4;

    /// <summary>Bytes of a packed block: low bytes, then numbers.</summary>
    internal const int BlockBytes = 192, NumbersAt = 128;

    /// <summary>Weights of a block.</summary>
    internal const int BlockWeights = QuadRows * BlockColumns;

    /// <summary>High bytes of a quad's list.</summary>
    internal const int Highs = 16;

    /// <summary>A packed matrix that takes a larger share of the plain one's bytes is not worth having: too many escapes, or too few rows.</summary>
    private const double MostOfPlain = 0.85;

    private const long EscapeBytes = sizeof(int) + sizeof(ushort) * BlockWeights;

    private PackedMatrix(int rows, int columns) : base(1, rows, columns)
    {
    }

    internal override string Format => "BF16, packed";

    internal override long Bytes => Blocks.Length + HighBytes.Length + sizeof(int) * (long)FirstEscape.Length + EscapeBytes * EscapeBlocks.Length;

    /// <summary>[quads, columns / 32, 192]; the blocks of escapes are zero.</summary>
    internal Memory<byte> Blocks { get; private init; }

    /// <summary>[quads, 16].</summary>
    internal Memory<byte> HighBytes { get; private init; }

    /// <summary>[quads + 1]: where a quad's escapes begin in the two lists below.</summary>
    internal int[] FirstEscape { get; private init; } = [];

    /// <summary>The number of each escape's block in its quad, ascending.</summary>
    internal int[] EscapeBlocks { get; private set; } = [];

    /// <summary>[escapes, 4, 32].</summary>
    internal ushort[] EscapeWeights { get; private set; } = [];

    private int Quads => (Rows + QuadRows - 1) / QuadRows;

    private int BlocksPerQuad => Columns / BlockColumns;

    /// <summary>Packs a matrix and compares what unpacking gives with it, bit for bit.</summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="pool">The workers.</param>
    /// <returns>Null if packing does not apply (columns that are not whole blocks, 2 GiB or more) or saves too little.</returns>
    /// <exception cref="InsufficientMemoryException">The matrix is larger than the memory that this process may use.</exception>
    /// <exception cref="InvalidOperationException">Unpacking gave other bits: the memory or the processor is at fault, or this code.</exception>
    internal static PackedMatrix? Pack(Bf16Matrix matrix, WorkerPool pool)
    {
        int quads = (matrix.Rows + QuadRows - 1) / QuadRows;
        long bytes = (long)quads * (matrix.Columns / BlockColumns) * BlockBytes;
        if (matrix.Columns % BlockColumns != 0 || bytes > Array.MaxLength - 64)
            return null;
        long available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > available)
            throw new InsufficientMemoryException($"Packing takes {bytes} bytes of memory; this process may use {available}.");
        PackedMatrix packed = new(matrix.Rows, matrix.Columns)
        {
            Blocks = PrivateMemory.Allocate((int)bytes),
            HighBytes = AlignedBuffer.Allocate<byte>(quads * Highs),
            FirstEscape = new int[quads + 1],
        };
        fixed (ushort* source = matrix.Data.Span)
        {
            PackJob job = new() { Matrix = packed, Source = source, Step = PackStep.Choose };
            pool.Run(ref job);
            for (int quad = 0; quad < quads; quad++)
                packed.FirstEscape[quad + 1] += packed.FirstEscape[quad];
            int escapes = packed.FirstEscape[quads];
            if (packed.Bytes + escapes * EscapeBytes > MostOfPlain * sizeof(ushort) * matrix.Data.Length)
                return null;
            packed.EscapeBlocks = new int[escapes];
            packed.EscapeWeights = new ushort[escapes * BlockWeights];
            job.Step = PackStep.Write;
            pool.Run(ref job);
        }
        return packed;
    }

    internal override void Open<TJob>(ref TJob job)
    {
        fixed (byte* blocks = Blocks.Span, highs = HighBytes.Span)
        fixed (int* firstEscape = FirstEscape, escapeBlocks = EscapeBlocks)
        fixed (ushort* escapeWeights = EscapeWeights)
            job.Run(new PackedRows(blocks, highs, firstEscape, escapeBlocks, escapeWeights, Columns));
        GC.KeepAlive(this);                                                // the blocks are no object of their own
    }

    internal override void Decode(int row, Span<float> target)
    {
        for (int column = 0; column < Columns; column++)
            target[column] = Bfloat16.ToSingle(this[row, column]);
        GC.KeepAlive(this);
    }

    internal override NotANumber? FindNotANumber(int matrix) => null;      // checked on the plain matrix that it was made from

    /// <summary>The weight of a row and a column: the definition of the format.</summary>
    internal ushort this[int row, int column]
    {
        get
        {
            int quad = row / QuadRows, r = row % QuadRows, block = column / BlockColumns, within = column % BlockColumns;
            int escape = Array.BinarySearch(EscapeBlocks, FirstEscape[quad], FirstEscape[quad + 1] - FirstEscape[quad], block);
            if (escape >= 0)
                return EscapeWeights[escape * BlockWeights + r * BlockColumns + within];
            ReadOnlySpan<byte> bytes = Blocks.Span.Slice((quad * BlocksPerQuad + block) * BlockBytes, BlockBytes);
            int at = within % 16 / 4 * 16 + r % 2 * 8 + within % 4 * 2 + within / 16;
            int number = bytes[NumbersAt + at] >> (4 * (r / 2)) & 15;
            return (ushort)(HighBytes.Span[quad * Highs + number] << 8 | bytes[64 * (r / 2) + at]);
        }
    }

    private enum PackStep
    {
        Choose,
        Write,
    }

    private struct PackJob : IJob
    {
        internal PackedMatrix Matrix;
        internal ushort* Source;
        internal PackStep Step;

        public readonly void Execute(int part, int parts)
        {
            (int begin, int end) = WorkerPool.Share(Matrix.Quads, 1, part, parts);
            ushort* block = stackalloc ushort[BlockWeights];
            int* counts = stackalloc int[256];
            fixed (byte* blocks = Matrix.Blocks.Span)
            {
                for (int quad = begin; quad < end; quad++)
                {
                    if (Step == PackStep.Choose)
                        Choose(quad, counts, block);
                    else
                        Write(quad, counts, block, blocks + (nint)quad * Matrix.BlocksPerQuad * BlockBytes);
                }
            }
        }

        /// <summary>Lists the most used high bytes, the lower first among equals, and counts the blocks that need another.</summary>
        private readonly void Choose(int quad, int* counts, ushort* block)
        {
            new Span<int>(counts, 256).Clear();
            int rows = Math.Min(QuadRows, Matrix.Rows - quad * QuadRows);
            ushort* first = Source + (nint)quad * QuadRows * Matrix.Columns;
            for (nint i = 0; i < (nint)rows * Matrix.Columns; i++)
                counts[first[i] >> 8]++;
            Span<byte> highs = Matrix.HighBytes.Span.Slice(quad * Highs, Highs);
            for (int n = 0; n < Highs; n++)
            {
                int most = 0;
                for (int high = 1; high < 256; high++)
                {
                    if (counts[high] > counts[most])
                        most = high;
                }
                highs[n] = (byte)most;
                counts[most] = -1;
            }
            Number(quad, counts);
            int escapes = 0;
            for (int b = 0; b < Matrix.BlocksPerQuad; b++)
            {
                Copy(quad, b, block);
                if (IsEscape(block, counts))
                    escapes++;
            }
            Matrix.FirstEscape[quad + 1] = escapes;
        }

        private readonly void Write(int quad, int* numbers, ushort* block, byte* target)
        {
            Number(quad, numbers);
            byte* highs = stackalloc byte[Highs];
            Matrix.HighBytes.Span.Slice(quad * Highs, Highs).CopyTo(new Span<byte>(highs, Highs));
            int escape = Matrix.FirstEscape[quad];
            for (int b = 0; b < Matrix.BlocksPerQuad; b++, target += BlockBytes)
            {
                Copy(quad, b, block);
                new Span<byte>(target, BlockBytes).Clear();
                if (IsEscape(block, numbers))
                {
                    Matrix.EscapeBlocks[escape] = b;
                    new ReadOnlySpan<ushort>(block, BlockWeights).CopyTo(Matrix.EscapeWeights.AsSpan(escape++ * BlockWeights));
                    continue;
                }
                WriteHalf(block, numbers, 0, target, target + NumbersAt);
                WriteHalf(block + BlockWeights / 2, numbers, 4, target + 64, target + NumbersAt);
                if (!IsHalf(block, highs, 0, target, target + NumbersAt)
                    || !IsHalf(block + BlockWeights / 2, highs, 4, target + 64, target + NumbersAt))
                {
                    throw new InvalidOperationException(
                        $"Block {b} of rows {quad * QuadRows} … {quad * QuadRows + 3} does not unpack to what was packed.");
                }
            }
        }

        // Two rows of 32, in the order of their bytes: 4 columns of the first row and their neighbours 16 further on, then those of the second row.
        private static void WriteHalf(ushort* rows, int* numbers, int shift, byte* lows, byte* nibbles)
        {
            for (int lane = 0; lane < 4; lane++, rows += 4)
            {
                for (int r = 0; r < 2; r++)
                {
                    for (int t = 0; t < 4; t++, lows += 2, nibbles += 2)
                    {
                        int first = rows[r * BlockColumns + t], second = rows[r * BlockColumns + 16 + t];
                        lows[0] = (byte)first;
                        lows[1] = (byte)second;
                        nibbles[0] |= (byte)(numbers[first >> 8] << shift);
                        nibbles[1] |= (byte)(numbers[second >> 8] << shift);
                    }
                }
            }
        }

        private static bool IsHalf(ushort* rows, byte* highs, int shift, byte* lows, byte* nibbles)
        {
            int different = 0;
            for (int lane = 0; lane < 4; lane++, rows += 4)
            {
                for (int r = 0; r < 2; r++)
                {
                    for (int t = 0; t < 4; t++, lows += 2, nibbles += 2)
                    {
                        different |= rows[r * BlockColumns + t] ^ (highs[nibbles[0] >> shift & 15] << 8 | lows[0]);
                        different |= rows[r * BlockColumns + 16 + t] ^ (highs[nibbles[1] >> shift & 15] << 8 | lows[1]);
                    }
                }
            }
            return different == 0;
        }

        /// <summary>Copies a block; the missing rows of a partial last quad repeat its first one.</summary>
        private readonly void Copy(int quad, int b, ushort* block)
        {
            for (int r = 0; r < QuadRows; r++)
            {
                int row = quad * QuadRows + r;
                ushort* source = Source + (nint)(row < Matrix.Rows ? row : quad * QuadRows) * Matrix.Columns + b * BlockColumns;
                Unsafe.CopyBlockUnaligned(block + r * BlockColumns, source, BlockColumns * sizeof(ushort));
            }
        }

        /// <summary>The number of each high byte in the quad's list; −1 for all others.</summary>
        private readonly void Number(int quad, int* numbers)
        {
            new Span<int>(numbers, 256).Fill(-1);
            ReadOnlySpan<byte> highs = Matrix.HighBytes.Span.Slice(quad * Highs, Highs);
            for (int n = 0; n < Highs; n++)
                numbers[highs[n]] = n;
        }

        private static bool IsEscape(ushort* block, int* numbers)
        {
            int all = 0;
            for (int i = 0; i < BlockWeights; i++)
                all |= numbers[block[i] >> 8];
            return all < 0;
        }
    }
}
