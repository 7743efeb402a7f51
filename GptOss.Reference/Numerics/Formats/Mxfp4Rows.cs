using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>
/// MXFP4 rows: for each block of 32, lane j takes element 2j, then element 2j + 1, the order in which the published bytes hold them.
/// </summary>
/// <remarks>
/// The tables are passed in, not read from a static field: a loop that is compiled before that field's class is initialised checks for it in every
/// iteration, and ran at 2.7 instead of 13.8 GB/s.
/// </remarks>
internal readonly unsafe struct Mxfp4Rows(byte* blocks, byte* scales, float* tables, int columns) : IWeightRows
{
    public int PaddedColumns => columns;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride)
        where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
            Widen<TBlock>(row + r, begin, end, rowsAhead, target + r * stride);
    }

    private void Widen<TBlock>(nint row, int begin, int end, int rowsAhead, float* target) where TBlock : struct, IF32x16<TBlock>
    {
        nint perRow = columns / 32;
        byte* block = blocks + (row * perRow + begin / 32) * 16;
        byte* scale = scales + row * perRow + begin / 32;
        nint ahead = rowsAhead * perRow * 16;
        for (int k = begin; k < end; k += 32, block += 16, scale++, target += 32)
        {
            if (Sse.IsSupported && (k & 96) == 0)
                Sse.Prefetch1(block + ahead);
            Mxfp4Lanes.Decode(block, tables + *scale * 16, out TBlock even, out TBlock odd);
            TBlock.Store(even, target);
            TBlock.Store(odd, target + 16);
        }
    }

    public bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector>
    {
        if (TVector.Lanes < 8 || (TVector.Lanes == 8 && tokens > Mxfp4TileRows<PublishedMxfp4>.MostTokens<TVector>()))
            return false;
        nint perRow = columns / Mxfp4.BlockWeights;
        Mxfp4TileRows<PublishedMxfp4> four = new(blocks + row * perRow * Mxfp4.BlockBytes, scales + row * perRow, tables, perRow);
        RegisterTile.Multiply<TVector, Mxfp4TileRows<PublishedMxfp4>>(four, x, tokens, columns, sums, 16 * RegisterTile.Rows, first: true);
        return true;
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        nint perRow = columns / 32;
        nint bytes = perRow * 16, bytes3 = bytes * 3, scales3 = perRow * 3;
        byte* first = blocks + row * bytes, b = first, firstScale = scales + row * perRow, e = firstScale, end = b + bytes;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (; b < end; b += 16, e++, x += 32)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(first + Prefetch.Bytes + (b - first) * 4);
                if (((nint)e & 15) == 0)
                    Sse.Prefetch1(firstScale + Prefetch.Bytes / 16 + (e - firstScale) * 4);
            }
            TBlock even = TBlock.Load(x), odd = TBlock.Load(x + 16);
            Mxfp4Lanes.Decode(b, tables + e[0] * 16, out TBlock lo, out TBlock hi);
            s0 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s0));
            Mxfp4Lanes.Decode(b + bytes, tables + e[perRow] * 16, out lo, out hi);
            s1 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s1));
            Mxfp4Lanes.Decode(b + 2 * bytes, tables + e[2 * perRow] * 16, out lo, out hi);
            s2 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s2));
            Mxfp4Lanes.Decode(b + bytes3, tables + e[scales3] * 16, out lo, out hi);
            s3 = TBlock.FusedMultiplyAdd(hi, odd, TBlock.FusedMultiplyAdd(lo, even, s3));
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        nint perRow = columns / 32;
        byte* block = blocks + row * perRow * 16;
        byte* scale = scales + row * perRow;
        TBlock sum = TBlock.Zero;
        for (nint i = 0; i < perRow; i++)
        {
            Mxfp4Lanes.Decode(block + i * 16, tables + scale[i] * 16, out TBlock lo, out TBlock hi);
            sum = TBlock.FusedMultiplyAdd(lo, TBlock.Load(x + i * 32), sum);
            sum = TBlock.FusedMultiplyAdd(hi, TBlock.Load(x + i * 32 + 16), sum);
        }
        return TBlock.Reduce(sum);
    }
}
