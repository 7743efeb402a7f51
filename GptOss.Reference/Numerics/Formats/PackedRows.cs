using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>The rows of a <see cref="PackedMatrix"/>: the same lanes in the same order as <see cref="Bf16Rows"/>, so the same bits.</summary>
internal readonly unsafe struct PackedRows(byte* blocks, byte* highs, int* firstEscape, int* escapeBlocks, ushort* escapeWeights, int columns)
    : IWeightRows
{
    private const int BlockBytes = PackedMatrix.BlockBytes, NumbersAt = PackedMatrix.NumbersAt, BlockColumns = PackedMatrix.BlockColumns,
        QuadRows = PackedMatrix.QuadRows;

    public int PaddedColumns => columns;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride)
        where TBlock : struct, IF32x16<TBlock>
    {
        nint quad = row / QuadRows, perQuad = columns / BlockColumns, ahead = rowsAhead / QuadRows * perQuad * BlockBytes;
        int first = begin / BlockColumns, last = end / BlockColumns, escape = firstEscape[quad], escapes = firstEscape[quad + 1];
        while (escape < escapes && escapeBlocks[escape] < first)
            escape++;
        byte* block = blocks + (quad * perQuad + first) * BlockBytes, table = highs + quad * PackedMatrix.Highs;
        float* t0 = target, t1 = t0 + stride, t2 = t1 + stride, t3 = t2 + stride;
        for (int b = first; b < last; b++, block += BlockBytes, t0 += BlockColumns, t1 += BlockColumns, t2 += BlockColumns, t3 += BlockColumns)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch1(block + ahead);
                Sse.Prefetch1(block + ahead + 64);
                Sse.Prefetch1(block + ahead + 128);
            }
            PackedLanes.Unpack(block, block + NumbersAt, 0, table, out TBlock w00, out TBlock w01, out TBlock w10, out TBlock w11);
            PackedLanes.Unpack(block + 64, block + NumbersAt, 4, table, out TBlock w20, out TBlock w21, out TBlock w30, out TBlock w31);
            if (escape < escapes && escapeBlocks[escape] == b)
            {
                ushort* w = escapeWeights + (nint)escape++ * PackedMatrix.BlockWeights;
                (w00, w01, w10, w11) = (TBlock.Load(w), TBlock.Load(w + 16), TBlock.Load(w + 32), TBlock.Load(w + 48));
                (w20, w21, w30, w31) = (TBlock.Load(w + 64), TBlock.Load(w + 80), TBlock.Load(w + 96), TBlock.Load(w + 112));
            }
            TBlock.Store(w00, t0);
            TBlock.Store(w01, t0 + 16);
            TBlock.Store(w10, t1);
            TBlock.Store(w11, t1 + 16);
            TBlock.Store(w20, t2);
            TBlock.Store(w21, t2 + 16);
            TBlock.Store(w30, t3);
            TBlock.Store(w31, t3 + 16);
        }
    }

    public bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector> => false;

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        nint quad = row / QuadRows, perQuad = columns / BlockColumns;
        byte* block = blocks + quad * perQuad * BlockBytes, table = highs + quad * PackedMatrix.Highs;
        int escape = firstEscape[quad], escapes = firstEscape[quad + 1];
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (nint b = 0; ; b++, block += BlockBytes, x += BlockColumns)
        {
            // Packed blocks up to the next escape, without a check in between …
            nint stop = escape < escapes ? escapeBlocks[escape] : perQuad;
            for (; b < stop; b++, block += BlockBytes, x += BlockColumns)
            {
                if (Sse.IsSupported)
                {
                    Sse.Prefetch1(block + Prefetch.Bytes);
                    Sse.Prefetch1(block + Prefetch.Bytes + 64);
                    Sse.Prefetch1(block + Prefetch.Bytes + 128);
                }
                TBlock x0 = TBlock.Load(x), x1 = TBlock.Load(x + 16);
                PackedLanes.Unpack(block, block + NumbersAt, 0, table, out TBlock w00, out TBlock w01, out TBlock w10, out TBlock w11);
                s0 = TBlock.FusedMultiplyAdd(w01, x1, TBlock.FusedMultiplyAdd(w00, x0, s0));
                s1 = TBlock.FusedMultiplyAdd(w11, x1, TBlock.FusedMultiplyAdd(w10, x0, s1));
                PackedLanes.Unpack(block + 64, block + NumbersAt, 4, table, out w00, out w01, out w10, out w11);
                s2 = TBlock.FusedMultiplyAdd(w01, x1, TBlock.FusedMultiplyAdd(w00, x0, s2));
                s3 = TBlock.FusedMultiplyAdd(w11, x1, TBlock.FusedMultiplyAdd(w10, x0, s3));
            }
            if (b == perQuad)
                break;

            // … and the escape.
            ushort* w = escapeWeights + (nint)escape++ * PackedMatrix.BlockWeights;
            TBlock e0 = TBlock.Load(x), e1 = TBlock.Load(x + 16);
            s0 = TBlock.FusedMultiplyAdd(TBlock.Load(w + 16), e1, TBlock.FusedMultiplyAdd(TBlock.Load(w), e0, s0));
            s1 = TBlock.FusedMultiplyAdd(TBlock.Load(w + 48), e1, TBlock.FusedMultiplyAdd(TBlock.Load(w + 32), e0, s1));
            s2 = TBlock.FusedMultiplyAdd(TBlock.Load(w + 80), e1, TBlock.FusedMultiplyAdd(TBlock.Load(w + 64), e0, s2));
            s3 = TBlock.FusedMultiplyAdd(TBlock.Load(w + 112), e1, TBlock.FusedMultiplyAdd(TBlock.Load(w + 96), e0, s3));
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        float* dots = stackalloc float[QuadRows];
        Dot4<TBlock>(row, x, dots);
        return dots[row % QuadRows];
    }
}
