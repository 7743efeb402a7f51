using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Products;

/// <summary>
/// The inner loops of matrix–matrix products: four weight rows × a few tokens of accumulators held in registers while one loop runs over
/// the inner dimension. Each (row, token) pair accumulates in the order of its dot product alone; the tile only saves loads.
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
    private static void Tile4x6<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first) where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
        for (int lane = 0; lane < 16; lane += TVector.Lanes)
        {
            TVector s00 = TVector.Zero, s10 = TVector.Zero, s20 = TVector.Zero, s30 = TVector.Zero;
            TVector s01 = TVector.Zero, s11 = TVector.Zero, s21 = TVector.Zero, s31 = TVector.Zero;
            TVector s02 = TVector.Zero, s12 = TVector.Zero, s22 = TVector.Zero, s32 = TVector.Zero;
            TVector s03 = TVector.Zero, s13 = TVector.Zero, s23 = TVector.Zero, s33 = TVector.Zero;
            TVector s04 = TVector.Zero, s14 = TVector.Zero, s24 = TVector.Zero, s34 = TVector.Zero;
            TVector s05 = TVector.Zero, s15 = TVector.Zero, s25 = TVector.Zero, s35 = TVector.Zero;
            if (!first)
            {
                s00 = TVector.Load(sums + 0 * tokenStride + 0 + lane);
                s10 = TVector.Load(sums + 0 * tokenStride + 16 + lane);
                s20 = TVector.Load(sums + 0 * tokenStride + 32 + lane);
                s30 = TVector.Load(sums + 0 * tokenStride + 48 + lane);
                s01 = TVector.Load(sums + 1 * tokenStride + 0 + lane);
                s11 = TVector.Load(sums + 1 * tokenStride + 16 + lane);
                s21 = TVector.Load(sums + 1 * tokenStride + 32 + lane);
                s31 = TVector.Load(sums + 1 * tokenStride + 48 + lane);
                s02 = TVector.Load(sums + 2 * tokenStride + 0 + lane);
                s12 = TVector.Load(sums + 2 * tokenStride + 16 + lane);
                s22 = TVector.Load(sums + 2 * tokenStride + 32 + lane);
                s32 = TVector.Load(sums + 2 * tokenStride + 48 + lane);
                s03 = TVector.Load(sums + 3 * tokenStride + 0 + lane);
                s13 = TVector.Load(sums + 3 * tokenStride + 16 + lane);
                s23 = TVector.Load(sums + 3 * tokenStride + 32 + lane);
                s33 = TVector.Load(sums + 3 * tokenStride + 48 + lane);
                s04 = TVector.Load(sums + 4 * tokenStride + 0 + lane);
                s14 = TVector.Load(sums + 4 * tokenStride + 16 + lane);
                s24 = TVector.Load(sums + 4 * tokenStride + 32 + lane);
                s34 = TVector.Load(sums + 4 * tokenStride + 48 + lane);
                s05 = TVector.Load(sums + 5 * tokenStride + 0 + lane);
                s15 = TVector.Load(sums + 5 * tokenStride + 16 + lane);
                s25 = TVector.Load(sums + 5 * tokenStride + 32 + lane);
                s35 = TVector.Load(sums + 5 * tokenStride + 48 + lane);
            }
            for (nint k = lane; k < columns; k += 16)
            {
                TVector a0 = TVector.Load(x0 + k), a1 = TVector.Load(x1 + k), a2 = TVector.Load(x2 + k), a3 = TVector.Load(x3 + k), a4 = TVector.Load(x4 + k), a5 = TVector.Load(x5 + k);
                TVector w0 = TVector.Load(w + k);
                s00 = TVector.FusedMultiplyAdd(w0, a0, s00);
                s01 = TVector.FusedMultiplyAdd(w0, a1, s01);
                s02 = TVector.FusedMultiplyAdd(w0, a2, s02);
                s03 = TVector.FusedMultiplyAdd(w0, a3, s03);
                s04 = TVector.FusedMultiplyAdd(w0, a4, s04);
                s05 = TVector.FusedMultiplyAdd(w0, a5, s05);
                TVector w1 = TVector.Load(w + stride + k);
                s10 = TVector.FusedMultiplyAdd(w1, a0, s10);
                s11 = TVector.FusedMultiplyAdd(w1, a1, s11);
                s12 = TVector.FusedMultiplyAdd(w1, a2, s12);
                s13 = TVector.FusedMultiplyAdd(w1, a3, s13);
                s14 = TVector.FusedMultiplyAdd(w1, a4, s14);
                s15 = TVector.FusedMultiplyAdd(w1, a5, s15);
                TVector w2 = TVector.Load(w + 2 * stride + k);
                s20 = TVector.FusedMultiplyAdd(w2, a0, s20);
                s21 = TVector.FusedMultiplyAdd(w2, a1, s21);
                s22 = TVector.FusedMultiplyAdd(w2, a2, s22);
                s23 = TVector.FusedMultiplyAdd(w2, a3, s23);
                s24 = TVector.FusedMultiplyAdd(w2, a4, s24);
                s25 = TVector.FusedMultiplyAdd(w2, a5, s25);
                TVector w3 = TVector.Load(w + 3 * stride + k);
                s30 = TVector.FusedMultiplyAdd(w3, a0, s30);
                s31 = TVector.FusedMultiplyAdd(w3, a1, s31);
                s32 = TVector.FusedMultiplyAdd(w3, a2, s32);
                s33 = TVector.FusedMultiplyAdd(w3, a3, s33);
                s34 = TVector.FusedMultiplyAdd(w3, a4, s34);
                s35 = TVector.FusedMultiplyAdd(w3, a5, s35);
            }
            s00.Store(sums + 0 * tokenStride + 0 + lane);
            s10.Store(sums + 0 * tokenStride + 16 + lane);
            s20.Store(sums + 0 * tokenStride + 32 + lane);
            s30.Store(sums + 0 * tokenStride + 48 + lane);
            s01.Store(sums + 1 * tokenStride + 0 + lane);
            s11.Store(sums + 1 * tokenStride + 16 + lane);
            s21.Store(sums + 1 * tokenStride + 32 + lane);
            s31.Store(sums + 1 * tokenStride + 48 + lane);
            s02.Store(sums + 2 * tokenStride + 0 + lane);
            s12.Store(sums + 2 * tokenStride + 16 + lane);
            s22.Store(sums + 2 * tokenStride + 32 + lane);
            s32.Store(sums + 2 * tokenStride + 48 + lane);
            s03.Store(sums + 3 * tokenStride + 0 + lane);
            s13.Store(sums + 3 * tokenStride + 16 + lane);
            s23.Store(sums + 3 * tokenStride + 32 + lane);
            s33.Store(sums + 3 * tokenStride + 48 + lane);
            s04.Store(sums + 4 * tokenStride + 0 + lane);
            s14.Store(sums + 4 * tokenStride + 16 + lane);
            s24.Store(sums + 4 * tokenStride + 32 + lane);
            s34.Store(sums + 4 * tokenStride + 48 + lane);
            s05.Store(sums + 5 * tokenStride + 0 + lane);
            s15.Store(sums + 5 * tokenStride + 16 + lane);
            s25.Store(sums + 5 * tokenStride + 32 + lane);
            s35.Store(sums + 5 * tokenStride + 48 + lane);
        }
    }

    /// <summary>Four rows × 4 tokens.</summary>
    private static void Tile4x4<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first) where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        for (int lane = 0; lane < 16; lane += TVector.Lanes)
        {
            TVector s00 = TVector.Zero, s10 = TVector.Zero, s20 = TVector.Zero, s30 = TVector.Zero;
            TVector s01 = TVector.Zero, s11 = TVector.Zero, s21 = TVector.Zero, s31 = TVector.Zero;
            TVector s02 = TVector.Zero, s12 = TVector.Zero, s22 = TVector.Zero, s32 = TVector.Zero;
            TVector s03 = TVector.Zero, s13 = TVector.Zero, s23 = TVector.Zero, s33 = TVector.Zero;
            if (!first)
            {
                s00 = TVector.Load(sums + 0 * tokenStride + 0 + lane);
                s10 = TVector.Load(sums + 0 * tokenStride + 16 + lane);
                s20 = TVector.Load(sums + 0 * tokenStride + 32 + lane);
                s30 = TVector.Load(sums + 0 * tokenStride + 48 + lane);
                s01 = TVector.Load(sums + 1 * tokenStride + 0 + lane);
                s11 = TVector.Load(sums + 1 * tokenStride + 16 + lane);
                s21 = TVector.Load(sums + 1 * tokenStride + 32 + lane);
                s31 = TVector.Load(sums + 1 * tokenStride + 48 + lane);
                s02 = TVector.Load(sums + 2 * tokenStride + 0 + lane);
                s12 = TVector.Load(sums + 2 * tokenStride + 16 + lane);
                s22 = TVector.Load(sums + 2 * tokenStride + 32 + lane);
                s32 = TVector.Load(sums + 2 * tokenStride + 48 + lane);
                s03 = TVector.Load(sums + 3 * tokenStride + 0 + lane);
                s13 = TVector.Load(sums + 3 * tokenStride + 16 + lane);
                s23 = TVector.Load(sums + 3 * tokenStride + 32 + lane);
                s33 = TVector.Load(sums + 3 * tokenStride + 48 + lane);
            }
            for (nint k = lane; k < columns; k += 16)
            {
                TVector a0 = TVector.Load(x0 + k), a1 = TVector.Load(x1 + k), a2 = TVector.Load(x2 + k), a3 = TVector.Load(x3 + k);
                TVector w0 = TVector.Load(w + k);
                s00 = TVector.FusedMultiplyAdd(w0, a0, s00);
                s01 = TVector.FusedMultiplyAdd(w0, a1, s01);
                s02 = TVector.FusedMultiplyAdd(w0, a2, s02);
                s03 = TVector.FusedMultiplyAdd(w0, a3, s03);
                TVector w1 = TVector.Load(w + stride + k);
                s10 = TVector.FusedMultiplyAdd(w1, a0, s10);
                s11 = TVector.FusedMultiplyAdd(w1, a1, s11);
                s12 = TVector.FusedMultiplyAdd(w1, a2, s12);
                s13 = TVector.FusedMultiplyAdd(w1, a3, s13);
                TVector w2 = TVector.Load(w + 2 * stride + k);
                s20 = TVector.FusedMultiplyAdd(w2, a0, s20);
                s21 = TVector.FusedMultiplyAdd(w2, a1, s21);
                s22 = TVector.FusedMultiplyAdd(w2, a2, s22);
                s23 = TVector.FusedMultiplyAdd(w2, a3, s23);
                TVector w3 = TVector.Load(w + 3 * stride + k);
                s30 = TVector.FusedMultiplyAdd(w3, a0, s30);
                s31 = TVector.FusedMultiplyAdd(w3, a1, s31);
                s32 = TVector.FusedMultiplyAdd(w3, a2, s32);
                s33 = TVector.FusedMultiplyAdd(w3, a3, s33);
            }
            s00.Store(sums + 0 * tokenStride + 0 + lane);
            s10.Store(sums + 0 * tokenStride + 16 + lane);
            s20.Store(sums + 0 * tokenStride + 32 + lane);
            s30.Store(sums + 0 * tokenStride + 48 + lane);
            s01.Store(sums + 1 * tokenStride + 0 + lane);
            s11.Store(sums + 1 * tokenStride + 16 + lane);
            s21.Store(sums + 1 * tokenStride + 32 + lane);
            s31.Store(sums + 1 * tokenStride + 48 + lane);
            s02.Store(sums + 2 * tokenStride + 0 + lane);
            s12.Store(sums + 2 * tokenStride + 16 + lane);
            s22.Store(sums + 2 * tokenStride + 32 + lane);
            s32.Store(sums + 2 * tokenStride + 48 + lane);
            s03.Store(sums + 3 * tokenStride + 0 + lane);
            s13.Store(sums + 3 * tokenStride + 16 + lane);
            s23.Store(sums + 3 * tokenStride + 32 + lane);
            s33.Store(sums + 3 * tokenStride + 48 + lane);
        }
    }

    /// <summary>Four rows × 3 tokens.</summary>
    private static void Tile4x3<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first) where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2];
        for (int lane = 0; lane < 16; lane += TVector.Lanes)
        {
            TVector s00 = TVector.Zero, s10 = TVector.Zero, s20 = TVector.Zero, s30 = TVector.Zero;
            TVector s01 = TVector.Zero, s11 = TVector.Zero, s21 = TVector.Zero, s31 = TVector.Zero;
            TVector s02 = TVector.Zero, s12 = TVector.Zero, s22 = TVector.Zero, s32 = TVector.Zero;
            if (!first)
            {
                s00 = TVector.Load(sums + 0 * tokenStride + 0 + lane);
                s10 = TVector.Load(sums + 0 * tokenStride + 16 + lane);
                s20 = TVector.Load(sums + 0 * tokenStride + 32 + lane);
                s30 = TVector.Load(sums + 0 * tokenStride + 48 + lane);
                s01 = TVector.Load(sums + 1 * tokenStride + 0 + lane);
                s11 = TVector.Load(sums + 1 * tokenStride + 16 + lane);
                s21 = TVector.Load(sums + 1 * tokenStride + 32 + lane);
                s31 = TVector.Load(sums + 1 * tokenStride + 48 + lane);
                s02 = TVector.Load(sums + 2 * tokenStride + 0 + lane);
                s12 = TVector.Load(sums + 2 * tokenStride + 16 + lane);
                s22 = TVector.Load(sums + 2 * tokenStride + 32 + lane);
                s32 = TVector.Load(sums + 2 * tokenStride + 48 + lane);
            }
            for (nint k = lane; k < columns; k += 16)
            {
                TVector a0 = TVector.Load(x0 + k), a1 = TVector.Load(x1 + k), a2 = TVector.Load(x2 + k);
                TVector w0 = TVector.Load(w + k);
                s00 = TVector.FusedMultiplyAdd(w0, a0, s00);
                s01 = TVector.FusedMultiplyAdd(w0, a1, s01);
                s02 = TVector.FusedMultiplyAdd(w0, a2, s02);
                TVector w1 = TVector.Load(w + stride + k);
                s10 = TVector.FusedMultiplyAdd(w1, a0, s10);
                s11 = TVector.FusedMultiplyAdd(w1, a1, s11);
                s12 = TVector.FusedMultiplyAdd(w1, a2, s12);
                TVector w2 = TVector.Load(w + 2 * stride + k);
                s20 = TVector.FusedMultiplyAdd(w2, a0, s20);
                s21 = TVector.FusedMultiplyAdd(w2, a1, s21);
                s22 = TVector.FusedMultiplyAdd(w2, a2, s22);
                TVector w3 = TVector.Load(w + 3 * stride + k);
                s30 = TVector.FusedMultiplyAdd(w3, a0, s30);
                s31 = TVector.FusedMultiplyAdd(w3, a1, s31);
                s32 = TVector.FusedMultiplyAdd(w3, a2, s32);
            }
            s00.Store(sums + 0 * tokenStride + 0 + lane);
            s10.Store(sums + 0 * tokenStride + 16 + lane);
            s20.Store(sums + 0 * tokenStride + 32 + lane);
            s30.Store(sums + 0 * tokenStride + 48 + lane);
            s01.Store(sums + 1 * tokenStride + 0 + lane);
            s11.Store(sums + 1 * tokenStride + 16 + lane);
            s21.Store(sums + 1 * tokenStride + 32 + lane);
            s31.Store(sums + 1 * tokenStride + 48 + lane);
            s02.Store(sums + 2 * tokenStride + 0 + lane);
            s12.Store(sums + 2 * tokenStride + 16 + lane);
            s22.Store(sums + 2 * tokenStride + 32 + lane);
            s32.Store(sums + 2 * tokenStride + 48 + lane);
        }
    }

    /// <summary>Four rows × 2 tokens.</summary>
    private static void Tile4x2<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first) where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0], x1 = x[1];
        for (int lane = 0; lane < 16; lane += TVector.Lanes)
        {
            TVector s00 = TVector.Zero, s10 = TVector.Zero, s20 = TVector.Zero, s30 = TVector.Zero;
            TVector s01 = TVector.Zero, s11 = TVector.Zero, s21 = TVector.Zero, s31 = TVector.Zero;
            if (!first)
            {
                s00 = TVector.Load(sums + 0 * tokenStride + 0 + lane);
                s10 = TVector.Load(sums + 0 * tokenStride + 16 + lane);
                s20 = TVector.Load(sums + 0 * tokenStride + 32 + lane);
                s30 = TVector.Load(sums + 0 * tokenStride + 48 + lane);
                s01 = TVector.Load(sums + 1 * tokenStride + 0 + lane);
                s11 = TVector.Load(sums + 1 * tokenStride + 16 + lane);
                s21 = TVector.Load(sums + 1 * tokenStride + 32 + lane);
                s31 = TVector.Load(sums + 1 * tokenStride + 48 + lane);
            }
            for (nint k = lane; k < columns; k += 16)
            {
                TVector a0 = TVector.Load(x0 + k), a1 = TVector.Load(x1 + k);
                TVector w0 = TVector.Load(w + k);
                s00 = TVector.FusedMultiplyAdd(w0, a0, s00);
                s01 = TVector.FusedMultiplyAdd(w0, a1, s01);
                TVector w1 = TVector.Load(w + stride + k);
                s10 = TVector.FusedMultiplyAdd(w1, a0, s10);
                s11 = TVector.FusedMultiplyAdd(w1, a1, s11);
                TVector w2 = TVector.Load(w + 2 * stride + k);
                s20 = TVector.FusedMultiplyAdd(w2, a0, s20);
                s21 = TVector.FusedMultiplyAdd(w2, a1, s21);
                TVector w3 = TVector.Load(w + 3 * stride + k);
                s30 = TVector.FusedMultiplyAdd(w3, a0, s30);
                s31 = TVector.FusedMultiplyAdd(w3, a1, s31);
            }
            s00.Store(sums + 0 * tokenStride + 0 + lane);
            s10.Store(sums + 0 * tokenStride + 16 + lane);
            s20.Store(sums + 0 * tokenStride + 32 + lane);
            s30.Store(sums + 0 * tokenStride + 48 + lane);
            s01.Store(sums + 1 * tokenStride + 0 + lane);
            s11.Store(sums + 1 * tokenStride + 16 + lane);
            s21.Store(sums + 1 * tokenStride + 32 + lane);
            s31.Store(sums + 1 * tokenStride + 48 + lane);
        }
    }

    /// <summary>Four rows × 1 token.</summary>
    private static void Tile4x1<TVector>(float* w, nint stride, float** x, nint columns, float* sums, nint tokenStride, bool first) where TVector : struct, IVector<TVector>
    {
        float* x0 = x[0];
        for (int lane = 0; lane < 16; lane += TVector.Lanes)
        {
            TVector s00 = TVector.Zero, s10 = TVector.Zero, s20 = TVector.Zero, s30 = TVector.Zero;
            if (!first)
            {
                s00 = TVector.Load(sums + 0 * tokenStride + 0 + lane);
                s10 = TVector.Load(sums + 0 * tokenStride + 16 + lane);
                s20 = TVector.Load(sums + 0 * tokenStride + 32 + lane);
                s30 = TVector.Load(sums + 0 * tokenStride + 48 + lane);
            }
            for (nint k = lane; k < columns; k += 16)
            {
                TVector a0 = TVector.Load(x0 + k);
                TVector w0 = TVector.Load(w + k);
                s00 = TVector.FusedMultiplyAdd(w0, a0, s00);
                TVector w1 = TVector.Load(w + stride + k);
                s10 = TVector.FusedMultiplyAdd(w1, a0, s10);
                TVector w2 = TVector.Load(w + 2 * stride + k);
                s20 = TVector.FusedMultiplyAdd(w2, a0, s20);
                TVector w3 = TVector.Load(w + 3 * stride + k);
                s30 = TVector.FusedMultiplyAdd(w3, a0, s30);
            }
            s00.Store(sums + 0 * tokenStride + 0 + lane);
            s10.Store(sums + 0 * tokenStride + 16 + lane);
            s20.Store(sums + 0 * tokenStride + 32 + lane);
            s30.Store(sums + 0 * tokenStride + 48 + lane);
        }
    }
}
