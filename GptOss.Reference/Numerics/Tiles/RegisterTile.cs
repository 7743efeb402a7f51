using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Tiles;

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
    /// <param name="w">The weight rows, at the first of the columns.</param>
    /// <param name="x">The tokens' rows, one pointer each, at the first of the columns.</param>
    /// <param name="tokens">How many pointers.</param>
    /// <param name="columns">A multiple of 16 · <see cref="ITileRows.Steps"/>.</param>
    /// <param name="sums">Lane sums of the first token's four rows, 16 floats each.</param>
    /// <param name="tokenStride">Floats between the sums of two tokens.</param>
    /// <param name="first">Whether sums begin at zero instead of being read.</param>
    internal static void Multiply<TVector, TRows>(TRows w, float** x, int tokens, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        for (int t = 0, take; t < tokens; t += take)
        {
            take = Portion(tokens - t, TRows.MostTokens<TVector>());
            float* to = sums + t * tokenStride;
            switch (take)
            {
                case 6:
                    Tile4x6<TVector, TRows>(w, x + t, columns, to, tokenStride, first);
                    break;
                case 5:
                    Tile4x5<TVector, TRows>(w, x + t, columns, to, tokenStride, first);
                    break;
                case 4:
                    Tile4x4<TVector, TRows>(w, x + t, columns, to, tokenStride, first);
                    break;
                case 3:
                    Tile4x3<TVector, TRows>(w, x + t, columns, to, tokenStride, first);
                    break;
                case 2:
                    Tile4x2<TVector, TRows>(w, x + t, columns, to, tokenStride, first);
                    break;
                default:
                    Tile4x1<TVector, TRows>(w, x + t, columns, to, tokenStride, first);
                    break;
            }
        }
    }

    /// <summary>How many to take next, if all portions are to be as equal as possible.</summary>
    /// <param name="left">How many there are.</param>
    /// <param name="most">The largest portion.</param>
    /// <remarks>7 are 4 and 3, not 6 and 1: one activation row alone cannot keep the multipliers busy.</remarks>
    internal static int Portion(int left, int most)
    {
        int portions = (left + most - 1) / most;
        return (left + portions - 1) / portions;
    }

    /// <summary>Four rows × 6 tokens.</summary>
    private static void Tile4x6<TVector, TRows>(TRows w, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first), c3 = new(sums + 3 * tokenStride, first);
            Column<TVector> c4 = new(sums + 4 * tokenStride, first), c5 = new(sums + 5 * tokenStride, first);
            for (nint k = 0; k < columns; k += 16 * TRows.Steps)
            {
                if (TVector.Lanes == 16 || lane == 0)
                    w.Prefetch(k);
                var q = Quad<TVector>.Of(w, k, 0, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane)));
                c1.Add(q, TVector.Load(x1 + (k + lane)));
                c2.Add(q, TVector.Load(x2 + (k + lane)));
                c3.Add(q, TVector.Load(x3 + (k + lane)));
                c4.Add(q, TVector.Load(x4 + (k + lane)));
                c5.Add(q, TVector.Load(x5 + (k + lane)));
                if (TRows.Steps == 1)
                    continue;
                q = Quad<TVector>.Of(w, k, 1, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane + 16)));
                c1.Add(q, TVector.Load(x1 + (k + lane + 16)));
                c2.Add(q, TVector.Load(x2 + (k + lane + 16)));
                c3.Add(q, TVector.Load(x3 + (k + lane + 16)));
                c4.Add(q, TVector.Load(x4 + (k + lane + 16)));
                c5.Add(q, TVector.Load(x5 + (k + lane + 16)));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
            c3.Store(sums + 3 * tokenStride);
            c4.Store(sums + 4 * tokenStride);
            c5.Store(sums + 5 * tokenStride);
        }
    }

    /// <summary>Four rows × 5 tokens.</summary>
    private static void Tile4x5<TVector, TRows>(TRows w, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first), c3 = new(sums + 3 * tokenStride, first);
            Column<TVector> c4 = new(sums + 4 * tokenStride, first);
            for (nint k = 0; k < columns; k += 16 * TRows.Steps)
            {
                if (TVector.Lanes == 16 || lane == 0)
                    w.Prefetch(k);
                var q = Quad<TVector>.Of(w, k, 0, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane)));
                c1.Add(q, TVector.Load(x1 + (k + lane)));
                c2.Add(q, TVector.Load(x2 + (k + lane)));
                c3.Add(q, TVector.Load(x3 + (k + lane)));
                c4.Add(q, TVector.Load(x4 + (k + lane)));
                if (TRows.Steps == 1)
                    continue;
                q = Quad<TVector>.Of(w, k, 1, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane + 16)));
                c1.Add(q, TVector.Load(x1 + (k + lane + 16)));
                c2.Add(q, TVector.Load(x2 + (k + lane + 16)));
                c3.Add(q, TVector.Load(x3 + (k + lane + 16)));
                c4.Add(q, TVector.Load(x4 + (k + lane + 16)));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
            c3.Store(sums + 3 * tokenStride);
            c4.Store(sums + 4 * tokenStride);
        }
    }

    /// <summary>Four rows × 4 tokens.</summary>
    private static void Tile4x4<TVector, TRows>(TRows w, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first), c3 = new(sums + 3 * tokenStride, first);
            for (nint k = 0; k < columns; k += 16 * TRows.Steps)
            {
                if (TVector.Lanes == 16 || lane == 0)
                    w.Prefetch(k);
                var q = Quad<TVector>.Of(w, k, 0, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane)));
                c1.Add(q, TVector.Load(x1 + (k + lane)));
                c2.Add(q, TVector.Load(x2 + (k + lane)));
                c3.Add(q, TVector.Load(x3 + (k + lane)));
                if (TRows.Steps == 1)
                    continue;
                q = Quad<TVector>.Of(w, k, 1, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane + 16)));
                c1.Add(q, TVector.Load(x1 + (k + lane + 16)));
                c2.Add(q, TVector.Load(x2 + (k + lane + 16)));
                c3.Add(q, TVector.Load(x3 + (k + lane + 16)));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
            c3.Store(sums + 3 * tokenStride);
        }
    }

    /// <summary>Four rows × 3 tokens.</summary>
    private static void Tile4x3<TVector, TRows>(TRows w, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        float* x0 = x[0], x1 = x[1], x2 = x[2];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            Column<TVector> c2 = new(sums + 2 * tokenStride, first);
            for (nint k = 0; k < columns; k += 16 * TRows.Steps)
            {
                if (TVector.Lanes == 16 || lane == 0)
                    w.Prefetch(k);
                // By rows: twelve sums, three tokens and one weight fill sixteen registers; by columns four weights would be one too many.
                TVector a0 = TVector.Load(x0 + (k + lane)), a1 = TVector.Load(x1 + (k + lane)), a2 = TVector.Load(x2 + (k + lane));
                TVector w0 = w.Load<TVector>(0, k, 0, lane);
                c0.S0 = TVector.FusedMultiplyAdd(w0, a0, c0.S0);
                c1.S0 = TVector.FusedMultiplyAdd(w0, a1, c1.S0);
                c2.S0 = TVector.FusedMultiplyAdd(w0, a2, c2.S0);
                TVector w1 = w.Load<TVector>(1, k, 0, lane);
                c0.S1 = TVector.FusedMultiplyAdd(w1, a0, c0.S1);
                c1.S1 = TVector.FusedMultiplyAdd(w1, a1, c1.S1);
                c2.S1 = TVector.FusedMultiplyAdd(w1, a2, c2.S1);
                TVector w2 = w.Load<TVector>(2, k, 0, lane);
                c0.S2 = TVector.FusedMultiplyAdd(w2, a0, c0.S2);
                c1.S2 = TVector.FusedMultiplyAdd(w2, a1, c1.S2);
                c2.S2 = TVector.FusedMultiplyAdd(w2, a2, c2.S2);
                TVector w3 = w.Load<TVector>(3, k, 0, lane);
                c0.S3 = TVector.FusedMultiplyAdd(w3, a0, c0.S3);
                c1.S3 = TVector.FusedMultiplyAdd(w3, a1, c1.S3);
                c2.S3 = TVector.FusedMultiplyAdd(w3, a2, c2.S3);
                if (TRows.Steps == 2)
                {
                    TVector b0 = TVector.Load(x0 + (k + lane + 16)), b1 = TVector.Load(x1 + (k + lane + 16)), b2 = TVector.Load(x2 + (k + lane + 16));
                    TVector v0 = w.Load<TVector>(0, k, 1, lane);
                    c0.S0 = TVector.FusedMultiplyAdd(v0, b0, c0.S0);
                    c1.S0 = TVector.FusedMultiplyAdd(v0, b1, c1.S0);
                    c2.S0 = TVector.FusedMultiplyAdd(v0, b2, c2.S0);
                    TVector v1 = w.Load<TVector>(1, k, 1, lane);
                    c0.S1 = TVector.FusedMultiplyAdd(v1, b0, c0.S1);
                    c1.S1 = TVector.FusedMultiplyAdd(v1, b1, c1.S1);
                    c2.S1 = TVector.FusedMultiplyAdd(v1, b2, c2.S1);
                    TVector v2 = w.Load<TVector>(2, k, 1, lane);
                    c0.S2 = TVector.FusedMultiplyAdd(v2, b0, c0.S2);
                    c1.S2 = TVector.FusedMultiplyAdd(v2, b1, c1.S2);
                    c2.S2 = TVector.FusedMultiplyAdd(v2, b2, c2.S2);
                    TVector v3 = w.Load<TVector>(3, k, 1, lane);
                    c0.S3 = TVector.FusedMultiplyAdd(v3, b0, c0.S3);
                    c1.S3 = TVector.FusedMultiplyAdd(v3, b1, c1.S3);
                    c2.S3 = TVector.FusedMultiplyAdd(v3, b2, c2.S3);
                }
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
            c2.Store(sums + 2 * tokenStride);
        }
    }

    /// <summary>Four rows × 2 tokens.</summary>
    private static void Tile4x2<TVector, TRows>(TRows w, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        float* x0 = x[0], x1 = x[1];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first), c1 = new(sums + tokenStride, first);
            for (nint k = 0; k < columns; k += 16 * TRows.Steps)
            {
                if (TVector.Lanes == 16 || lane == 0)
                    w.Prefetch(k);
                var q = Quad<TVector>.Of(w, k, 0, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane)));
                c1.Add(q, TVector.Load(x1 + (k + lane)));
                if (TRows.Steps == 1)
                    continue;
                q = Quad<TVector>.Of(w, k, 1, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane + 16)));
                c1.Add(q, TVector.Load(x1 + (k + lane + 16)));
            }
            c0.Store(sums);
            c1.Store(sums + tokenStride);
        }
    }

    /// <summary>Four rows × 1 token.</summary>
    private static void Tile4x1<TVector, TRows>(TRows w, float** x, nint columns, float* sums, nint tokenStride, bool first)
        where TVector : struct, IVector<TVector>
        where TRows : unmanaged, ITileRows
    {
        float* x0 = x[0];
        for (int lane = 0; lane < 16; lane += TVector.Lanes, sums += TVector.Lanes)
        {
            Column<TVector> c0 = new(sums, first);
            for (nint k = 0; k < columns; k += 16 * TRows.Steps)
            {
                if (TVector.Lanes == 16 || lane == 0)
                    w.Prefetch(k);
                var q = Quad<TVector>.Of(w, k, 0, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane)));
                if (TRows.Steps == 1)
                    continue;
                q = Quad<TVector>.Of(w, k, 1, lane);
                c0.Add(q, TVector.Load(x0 + (k + lane + 16)));
            }
            c0.Store(sums);
        }
    }

    /// <summary>The same lanes of four weight rows.</summary>
    private readonly struct Quad<TVector>(TVector w0, TVector w1, TVector w2, TVector w3) where TVector : struct, IVector<TVector>
    {
        internal readonly TVector W0 = w0, W1 = w1, W2 = w2, W3 = w3;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal static Quad<TVector> Of<TRows>(TRows w, nint k, int step, int lane) where TRows : unmanaged, ITileRows =>
            new(w.Load<TVector>(0, k, step, lane), w.Load<TVector>(1, k, step, lane), w.Load<TVector>(2, k, step, lane),
                w.Load<TVector>(3, k, step, lane));
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
        internal void Add(Quad<TVector> q, TVector a)
        {
            S0 = TVector.FusedMultiplyAdd(q.W0, a, S0);
            S1 = TVector.FusedMultiplyAdd(q.W1, a, S1);
            S2 = TVector.FusedMultiplyAdd(q.W2, a, S2);
            S3 = TVector.FusedMultiplyAdd(q.W3, a, S3);
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
