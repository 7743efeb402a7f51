using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Integers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>Products of two unpacked weight rows with two activation rows: each byte that is loaded meets two others.</summary>
internal static unsafe class IntegerTile<TBytes, TRows> where TBytes : struct, IByteVector<TBytes> where TRows : unmanaged, IIntegerRows
{
    private const int Group = IntegerStep.GroupBytes;

    /// <summary>Where an unpacked step has its scales: behind its planes.</summary>
    internal static int ScalesAt { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => TRows.Planes * IntegerStep.Columns; }

    /// <summary>Bytes of an unpacked step.</summary>
    internal static int StepBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)] get => TRows.Planes * IntegerStep.Columns + IntegerStep.Blocks * sizeof(float);
    }

    /// <summary>Writes the lanes of rows 0 and 1 with <paramref name="x0"/>, then of both with <paramref name="x1"/>.</summary>
    internal static void Multiply(byte* w0, byte* w1, IntegerStep* x0, IntegerStep* x1, int steps, float* lanes)
    {
        for (int quarter = 0; quarter < 4; quarter += TBytes.Quarters)
            Multiply(w0 + 16 * quarter, w1 + 16 * quarter, (byte*)x0 + 16 * quarter, (byte*)x1 + 16 * quarter, steps, lanes + 4 * quarter);
    }

    // One register's quarters of all steps, so that the sums stay in registers.
    private static void Multiply(byte* w0, byte* w1, byte* x0, byte* x1, int steps, float* lanes)
    {
        TBytes l00 = TBytes.Zero, l10 = TBytes.Zero, l01 = TBytes.Zero, l11 = TBytes.Zero;
        for (int step = 0; step < steps; step++)
        {
            TBytes s00 = TBytes.Zero, s10 = TBytes.Zero, s01 = TBytes.Zero, s11 = TBytes.Zero;
            for (int plane = TRows.Planes - 1; plane >= 0; plane--)
            {
                byte* a = w0 + plane * IntegerStep.Columns, b = w1 + plane * IntegerStep.Columns;
                byte* x = x0, y = x1;
                for (int half = 0; half < 2; half++, a += 4 * Group, b += 4 * Group, x += 4 * Group, y += 4 * Group)
                {
                    TBytes a0 = TBytes.Load(a), a1 = TBytes.Load(a + Group), a2 = TBytes.Load(a + 2 * Group), a3 = TBytes.Load(a + 3 * Group),
                        b0 = TBytes.Load(b), b1 = TBytes.Load(b + Group), b2 = TBytes.Load(b + 2 * Group), b3 = TBytes.Load(b + 3 * Group);
                    TBytes u0 = TBytes.Load(x), u1 = TBytes.Load(x + Group), u2 = TBytes.Load(x + 2 * Group), u3 = TBytes.Load(x + 3 * Group);
                    TBytes t00 = Four(a0, a1, a2, a3, u0, u1, u2, u3), t10 = Four(b0, b1, b2, b3, u0, u1, u2, u3);
                    TBytes v0 = TBytes.Load(y), v1 = TBytes.Load(y + Group), v2 = TBytes.Load(y + 2 * Group), v3 = TBytes.Load(y + 3 * Group);
                    TBytes t01 = Four(a0, a1, a2, a3, v0, v1, v2, v3), t11 = Four(b0, b1, b2, b3, v0, v1, v2, v3);
                    if (half == 0 && plane + 1 < TRows.Planes)
                    {
                        (s00, s10) = (TBytes.Join(s00, t00), TBytes.Join(s10, t10));
                        (s01, s11) = (TBytes.Join(s01, t01), TBytes.Join(s11, t11));
                    }
                    else
                    {
                        (s00, s10) = (TBytes.Add(s00, t00), TBytes.Add(s10, t10));
                        (s01, s11) = (TBytes.Add(s01, t01), TBytes.Add(s11, t11));
                    }
                }
            }
            TBytes d0 = TBytes.Load(w0 + ScalesAt), d1 = TBytes.Load(w1 + ScalesAt), e0 = TBytes.Load(x0 + IntegerStep.ScalesAt),
                e1 = TBytes.Load(x1 + IntegerStep.ScalesAt), excess0 = TBytes.Load(x0 + IntegerStep.ExcessAt),
                excess1 = TBytes.Load(x1 + IntegerStep.ExcessAt);
            l00 = TBytes.AddScaled(l00, TBytes.Subtract(s00, excess0), d0, e0);
            l10 = TBytes.AddScaled(l10, TBytes.Subtract(s10, excess0), d1, e0);
            l01 = TBytes.AddScaled(l01, TBytes.Subtract(s01, excess1), d0, e1);
            l11 = TBytes.AddScaled(l11, TBytes.Subtract(s11, excess1), d1, e1);
            w0 += StepBytes;
            w1 += StepBytes;
            x0 += sizeof(IntegerStep);
            x1 += sizeof(IntegerStep);
        }
        TBytes.Store(l00, (byte*)lanes);
        TBytes.Store(l10, (byte*)(lanes + IntegerStep.Blocks));
        TBytes.Store(l01, (byte*)(lanes + 2 * IntegerStep.Blocks));
        TBytes.Store(l11, (byte*)(lanes + 3 * IntegerStep.Blocks));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TBytes Four(TBytes a, TBytes b, TBytes c, TBytes d, TBytes p, TBytes q, TBytes r, TBytes s) =>
        TBytes.Lanes(TBytes.MultiplyAdd(d, s, TBytes.MultiplyAdd(c, r, TBytes.MultiplyAdd(b, q, TBytes.Multiply(a, p)))));
}
