using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// Rows of <see cref="Mxfp4Blocks"/>. Whatever the order of the nibbles, lane j takes element 2j, then element 2j + 1, so the sums are those of the
/// same weights in safetensors, bit for bit.
/// </summary>
internal readonly unsafe struct Mxfp4BlockRows<TLayout>(byte* blocks, float* tables, int columns) : IWeightRows where TLayout : struct, IMxfp4Layout
{
    private const int BlockBytes = Mxfp4Blocks.BlockBytes;

    public int PaddedColumns => columns;

    private nint RowBytes => columns / Mxfp4.BlockWeights * BlockBytes;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride)
        where TBlock : struct, IF32x16<TBlock>
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
                Decode(block + 1, tables + *block * 16, out TBlock even, out TBlock odd);
                TBlock.Store(even, to);
                TBlock.Store(odd, to + 16);
            }
        }
    }

    public bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector>
    {
        if (TVector.Lanes < 8 || (TVector.Lanes == 8 && tokens > Mxfp4TileRows<TLayout>.MostTokens<TVector>()))
            return false;
        byte* first = blocks + row * RowBytes;
        Mxfp4TileRows<TLayout> four = new(first + 1, first, tables, columns / Mxfp4.BlockWeights);
        RegisterTile.Multiply<TVector, Mxfp4TileRows<TLayout>>(four, x, tokens, columns, sums, 16 * RegisterTile.Rows, first: true);
        return true;
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
            Decode(b + 1, tables + *b * 16, out TBlock lo, out TBlock hi);
            s0 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s0));
            Decode(b + bytes + 1, tables + b[bytes] * 16, out lo, out hi);
            s1 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s1));
            Decode(b + 2 * bytes + 1, tables + b[2 * bytes] * 16, out lo, out hi);
            s2 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s2));
            Decode(b + bytes3 + 1, tables + b[bytes3] * 16, out lo, out hi);
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
            Decode(b + 1, tables + *b * 16, out TBlock lo, out TBlock hi);
            sum = TBlock.FusedMultiplyAdd(lo, TBlock.Load(x), sum);
            sum = TBlock.FusedMultiplyAdd(hi, TBlock.Load(x + 16), sum);
        }
        return TBlock.Reduce(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Decode<TBlock>(byte* codes, float* values, out TBlock even, out TBlock odd) where TBlock : struct, IF32x16<TBlock>
    {
        if (TLayout.ArePairs)
            Mxfp4Lanes.Decode(codes, values, out even, out odd);
        else
            Mxfp4Lanes.DecodeSplit(codes, values, out even, out odd);
    }
}
