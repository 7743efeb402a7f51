using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Tiles;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Rows of plain numbers: lane j takes elements j, j + 16, j + 32, …; a short tail is padded with zeros.</summary>
internal readonly unsafe struct PlainRows<TElement>(byte* elements, int columns) : IWeightRows where TElement : struct, IStoredElement
{
    public int PaddedColumns => (columns + 15) & ~15;

    private nint RowBytes => (nint)columns * TElement.Bytes;

    public void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride)
        where TBlock : struct, IF32x16<TBlock>
    {
        for (int r = 0; r < rows; r++)
        {
            byte* w = elements + (row + r) * RowBytes;
            for (int k = begin; k < end; k += 16)
                TBlock.Store(At<TBlock>(w, k), target + r * stride + (k - begin));
        }
    }

    public bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector>
    {
        // Rows of float32 are what a panel would be.
        if (typeof(TElement) != typeof(F32Element) || (columns & 15) != 0 || (TVector.Lanes < 16 && tokens > PanelRows.MostTokens<TVector>()))
            return false;
        PanelRows four = new((float*)(elements + row * RowBytes), columns);
        RegisterTile.Multiply<TVector, PanelRows>(four, x, tokens, columns, sums, 16 * RegisterTile.Rows, first: true);
        return true;
    }

    public void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>
    {
        if ((columns & 15) != 0)
        {
            for (int r = 0; r < 4; r++)
                dots[r] = Dot<TBlock>(row + r, x);
            return;
        }
        byte* w0 = elements + row * RowBytes, w1 = w0 + RowBytes, w2 = w1 + RowBytes, w3 = w2 + RowBytes;
        TBlock s0 = TBlock.Zero, s1 = TBlock.Zero, s2 = TBlock.Zero, s3 = TBlock.Zero;
        for (nint k = 0; k < columns; k += 16)
        {
            nint at = k * TElement.Bytes;
            if (Sse.IsSupported)
            {
                for (int line = 0; line < 64 * TElement.Bytes; line += 64)
                    Sse.Prefetch1(w0 + Prefetch.Bytes + 4 * at + line);
            }
            TBlock a = TBlock.Load(x + k);
            s0 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w0 + at), a, s0);
            s1 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w1 + at), a, s1);
            s2 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w2 + at), a, s2);
            s3 = TBlock.FusedMultiplyAdd(TElement.Load<TBlock>(w3 + at), a, s3);
        }
        TBlock.Reduce4(s0, s1, s2, s3, dots);
    }

    public float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>
    {
        byte* w = elements + row * RowBytes;
        TBlock sum = TBlock.Zero;
        for (int k = 0; k < columns; k += 16)
            sum = TBlock.FusedMultiplyAdd(At<TBlock>(w, k), TBlock.Load(x + k), sum);
        return TBlock.Reduce(sum);
    }

    private TBlock At<TBlock>(byte* w, int column) where TBlock : struct, IF32x16<TBlock>
    {
        byte* from = w + (nint)column * TElement.Bytes;
        return column + 16 <= columns ? TElement.Load<TBlock>(from) : Tail<TBlock>(from, columns - column);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static TBlock Tail<TBlock>(byte* from, int count) where TBlock : struct, IF32x16<TBlock>
    {
        float* padded = stackalloc float[16];
        new Span<float>(padded, 16).Clear();
        for (int i = 0; i < count; i++)
            padded[i] = TElement.One(from + i * TElement.Bytes);
        return TBlock.Load(padded);
    }
}
