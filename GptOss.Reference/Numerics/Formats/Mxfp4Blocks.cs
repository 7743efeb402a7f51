using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

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
                job.Run(new Mxfp4BlockRows<PairedNibbles>(blocks, Mxfp4.ScaledValues(0), Columns));
            else
                job.Run(new Mxfp4BlockRows<SplitNibbles>(blocks, Mxfp4.ScaledValues(0), Columns));
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

/// <summary>Which elements the nibbles of a block are.</summary>
internal unsafe interface INibbleOrder
{
    /// <summary>The block's even and odd elements as lanes.</summary>
    static abstract void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock>;
}

/// <summary>Byte j: elements 2j and 2j + 1.</summary>
internal readonly unsafe struct PairedNibbles : INibbleOrder
{
    public static void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock> =>
        Mxfp4Lanes.Decode(codes, values, out even, out odd);
}

/// <summary>Byte j: elements j and j + 16.</summary>
internal readonly unsafe struct SplitNibbles : INibbleOrder
{
    public static void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock> =>
        Mxfp4Lanes.DecodeSplit(codes, values, out even, out odd);
}

/// <summary>
/// Rows of <see cref="Mxfp4Blocks"/>. Whatever the order of the nibbles, lane j takes element 2j, then element 2j + 1, so the sums are those of the
/// same weights in safetensors, bit for bit.
/// </summary>
internal readonly unsafe struct Mxfp4BlockRows<TOrder>(byte* blocks, float* tables, int columns) : IWeightRows where TOrder : struct, INibbleOrder
{
    private const int BlockBytes = Mxfp4Blocks.BlockBytes;

    public int PaddedColumns => columns;

    private nint RowBytes => columns / Mxfp4.BlockWeights * BlockBytes;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
        {
            byte* block = blocks + (row + r) * RowBytes + begin / Mxfp4.BlockWeights * BlockBytes;
            nint ahead = rowsAhead * RowBytes;
            float* to = target + r * stride;
            for (int k = begin; k < end; k += Mxfp4.BlockWeights, block += BlockBytes, to += Mxfp4.BlockWeights)
            {
                if (Sse.IsSupported && (k & 96) == 0)
                    Sse.Prefetch1(block + ahead);
                TOrder.Decode(block + 1, tables + *block * 16, out TBlock even, out TBlock odd);
                TBlock.Store(even, to);
                TBlock.Store(odd, to + 16);
            }
        }
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        nint bytes = RowBytes, bytes3 = 3 * bytes;
        byte* first = blocks + row * bytes, b = first, end = b + bytes;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (; b < end; b += BlockBytes, x += Mxfp4.BlockWeights)
        {
            if (Sse.IsSupported)
            {
                byte* ahead = first + Prefetch.Bytes + (b - first) * 4;        // four rows, of which a block is 68 bytes
                Sse.Prefetch1(ahead);
                Sse.Prefetch1(ahead + 64);
            }
            TBlock even = TBlock.Load(x), odd = TBlock.Load(x + 16);
            TOrder.Decode(b + 1, tables + *b * 16, out TBlock lo, out TBlock hi);
            s0 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s0));
            TOrder.Decode(b + bytes + 1, tables + b[bytes] * 16, out lo, out hi);
            s1 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s1));
            TOrder.Decode(b + 2 * bytes + 1, tables + b[2 * bytes] * 16, out lo, out hi);
            s2 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s2));
            TOrder.Decode(b + bytes3 + 1, tables + b[bytes3] * 16, out lo, out hi);
            s3 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s3));
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        byte* b = blocks + row * RowBytes, end = b + RowBytes;
        TBlock sum = TBlock.Zero;
        for (; b < end; b += BlockBytes, x += Mxfp4.BlockWeights)
        {
            TOrder.Decode(b + 1, tables + *b * 16, out TBlock lo, out TBlock hi);
            sum = TBlock.FusedMultiplyAdd(lo, TBlock.Load(x), sum);
            sum = TBlock.FusedMultiplyAdd(hi, TBlock.Load(x + 16), sum);
        }
        return TBlock.Reduce(sum);
    }
}
