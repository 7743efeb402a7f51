using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// The inner loops of matrix–matrix products: accumulators for four weight rows × a few tokens stay in registers while one loop runs over the inner
/// dimension. Each (row, token) pair accumulates in the order of its own dot product; the tile only saves loads.
/// </summary>
/// <remarks>
/// The sixteen lanes of a dot product never meet before the final reduction, so a register narrower than the block takes the lanes in
/// slices, one pass each, instead of several registers for every accumulator: 12 to 24 accumulators fit where whole blocks would spill.
/// Sums are kept in memory between chunks of the inner dimension, [token][row][lane], which changes no bit.
/// </remarks>
internal static unsafe class RegisterTile
{
    /// <summary>Weight rows of one tile.</summary>
    internal const int Rows = 4;

    /// <summary>Adds the products of four rows with <paramref name="tokens"/> tokens over <paramref name="columns"/> columns to their sums.</summary>
    /// <param name="w">Four weight rows, widened, one every <paramref name="stride"/> elements.</param>
    /// <param name="stride">Elements between two weight rows.</param>
    /// <param name="x">The tokens' rows, one pointer each, at the first of the columns.</param>
    /// <param name="tokens">How many pointers.</param>
    /// <param name="columns">A multiple of 16.</param>
    /// <param name="sums">Lane sums of the first token's four rows, 16 floats each.</param>
    /// <param name="tokenStride">Floats between the sums of two tokens.</param>
    /// <param name="first">Whether sums begin at zero instead of being read.</param>
    internal static void Multiply<TVector>(float* w, nint stride, float** x, int tokens, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
    {
        int t = 0;
        if (TVector.Registers >= 32)
        {
            for (; t + 6 <= tokens; t += 6)
                Tile4x6<TVector>(w, stride, x + t, columns, sums + t * tokenStride, tokenStride, first);
            if (t + 4 <= tokens)
            {
                Tile4x4<TVector>(w, stride, x + t, columns, sums + t * tokenStride, tokenStride, first);
                t += 4;
            }
        }
        for (; t + 3 <= tokens; t += 3)
            Tile4x3<TVector>(w, stride, x + t, columns, sums + t * tokenStride, tokenStride, first);
        if (t + 2 <= tokens)
        {
            Tile4x2<TVector>(w, stride, x + t, columns, sums + t * tokenStride, tokenStride, first);
            t += 2;
        }
        if (t < tokens)
            Tile4x1<TVector>(w, stride, x + t, columns, sums + t * tokenStride, tokenStride, first);
    }

    /// <summary>Four rows × 6 tokens.</summary>
    private static void Tile4x6<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first), c3 = new(sums + 3 * tokenStride, first);
            Column<TVector> c4 = new(sums + 4 * tokenStride, first), c5 = new(sums + 5 * tokenStride, first);
            for (nint k = lane; k < columns; k += 16)
            {
                TVector w0 = TVector.Load(w + k), w1 = TVector.Load(w + stride + k), w2 = TVector.Load(w + 2 * stride + k),
                    w3 = TVector.Load(w + 3 * stride + k);
                c0.Add(w0, w1, w2, w3, TVector.Load(x0 + k));
                c1.Add(w0, w1, w2, w3, TVector.Load(x1 + k));
                c2.Add(w0, w1, w2, w3, TVector.Load(x2 + k));
                c3.Add(w0, w1, w2, w3, TVector.Load(x3 + k));
                c4.Add(w0, w1, w2, w3, TVector.Load(x4 + k));
                c5.Add(w0, w1, w2, w3, TVector.Load(x5 + k));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
            c3.Store(sums + 3 * tokenStride);
            c4.Store(sums + 4 * tokenStride);
            c5.Store(sums + 5 * tokenStride);
        }
    }

    /// <summary>Four rows × 4 tokens.</summary>
    private static void Tile4x4<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first), c3 = new(sums + 3 * tokenStride, first);
            for (nint k = lane; k < columns; k += 16)
            {
                TVector w0 = TVector.Load(w + k), w1 = TVector.Load(w + stride + k), w2 = TVector.Load(w + 2 * stride + k),
                    w3 = TVector.Load(w + 3 * stride + k);
                c0.Add(w0, w1, w2, w3, TVector.Load(x0 + k));
                c1.Add(w0, w1, w2, w3, TVector.Load(x1 + k));
                c2.Add(w0, w1, w2, w3, TVector.Load(x2 + k));
                c3.Add(w0, w1, w2, w3, TVector.Load(x3 + k));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
            c3.Store(sums + 3 * tokenStride);
        }
    }

    /// <summary>Four rows × 3 tokens.</summary>
    private static void Tile4x3<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first);
            for (nint k = lane; k < columns; k += 16)
            {
                // By rows: twelve sums, three tokens and one weight fill sixteen registers; by columns four weights would be one too many.
                TVector a0 = TVector.Load(x0 + k), a1 = TVector.Load(x1 + k), a2 = TVector.Load(x2 + k);
                TVector w0 = TVector.Load(w + k);
                c0.S0 = TVector.FusedMultiplyAdd(w0, a0, c0.S0);
                c1.S0 = TVector.FusedMultiplyAdd(w0, a1, c1.S0);
                c2.S0 = TVector.FusedMultiplyAdd(w0, a2, c2.S0);
                TVector w1 = TVector.Load(w + stride + k);
                c0.S1 = TVector.FusedMultiplyAdd(w1, a0, c0.S1);
                c1.S1 = TVector.FusedMultiplyAdd(w1, a1, c1.S1);
                c2.S1 = TVector.FusedMultiplyAdd(w1, a2, c2.S1);
                TVector w2 = TVector.Load(w + 2 * stride + k);
                c0.S2 = TVector.FusedMultiplyAdd(w2, a0, c0.S2);
                c1.S2 = TVector.FusedMultiplyAdd(w2, a1, c1.S2);
                c2.S2 = TVector.FusedMultiplyAdd(w2, a2, c2.S2);
                TVector w3 = TVector.Load(w + 3 * stride + k);
                c0.S3 = TVector.FusedMultiplyAdd(w3, a0, c0.S3);
                c1.S3 = TVector.FusedMultiplyAdd(w3, a1, c1.S3);
                c2.S3 = TVector.FusedMultiplyAdd(w3, a2, c2.S3);
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
        }
    }

    /// <summary>Four rows × 2 tokens.</summary>
    private static void Tile4x2<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            for (nint k = lane; k < columns; k += 16)
            {
                TVector w0 = TVector.Load(w + k), w1 = TVector.Load(w + stride + k), w2 = TVector.Load(w + 2 * stride + k),
                    w3 = TVector.Load(w + 3 * stride + k);
                c0.Add(w0, w1, w2, w3, TVector.Load(x0 + k));
                c1.Add(w0, w1, w2, w3, TVector.Load(x1 + k));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
        }
    }

    /// <summary>Four rows × 1 token.</summary>
    private static void Tile4x1<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first);
            for (nint k = lane; k < columns; k += 16)
            {
                TVector w0 = TVector.Load(w + k), w1 = TVector.Load(w + stride + k), w2 = TVector.Load(w + 2 * stride + k),
                    w3 = TVector.Load(w + 3 * stride + k);
                c0.Add(w0, w1, w2, w3, TVector.Load(x0 + k));
            }
            c0.Store(sums);
        }
    }

    /// <summary>The sums of one token with four rows, a register each.</summary>
    private struct Column<TVector> where TVector : struct, IVector<TVector>
    {
        internal TVector S0, S1, S2, S3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal Column(float* sums, bool first)
        {
            if (first)
                return;
            (S0, S1, S2, S3) = (TVector.Load(sums), TVector.Load(sums + 16), TVector.Load(sums + 32), TVector.Load(sums + 48));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Add(TVector w0, TVector w1, TVector w2, TVector w3, TVector a)
        {
            S0 = TVector.FusedMultiplyAdd(w0, a, S0);
            S1 = TVector.FusedMultiplyAdd(w1, a, S1);
            S2 = TVector.FusedMultiplyAdd(w2, a, S2);
            S3 = TVector.FusedMultiplyAdd(w3, a, S3);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal readonly void Store(float* sums)
        {
            S0.Store(sums);
            S1.Store(sums + 16);
            S2.Store(sums + 32);
            S3.Store(sums + 48);
        }
    }
}
