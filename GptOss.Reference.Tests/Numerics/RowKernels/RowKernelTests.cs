using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.RowKernels;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.RowKernels;

/// <summary>The kernels that go through rows one by one: norm, rotation, SwiGLU, expert mix, residual.</summary>
[Trait("Category", "Numeric")]
public class RowKernelTests
{
    private const double U = 1.0 / (1 << 24);

    private static readonly (int Rows, int Columns)[] Shapes = [(0, 16), (1, 16), (1, 32), (2, 48), (3, 96), (5, 16), (9, 160), (2, 2880)];

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_norm_is_its_definition_bit_for_bit(RegisterWidth width, Precision precision)
    {
        ForAll(width, precision, (kernels, numbers, x, columns, what) =>
        {
            float[] gain = numbers.Floats(columns);
            Poisoned from = new(x, offset: numbers.Below(5), widthOfNone: columns), to = new(x.Length, columns, offset: numbers.Below(5));
            kernels.RowWise.RmsNorm(from.Rows, gain, 1e-5f, to.Rows);
            Bits.Equal(Definition.RmsNorm(x, gain, 1e-5f, precision), to.Rows, "norm of " + what);
            from.RequireUntouched();
            to.RequireUntouched();
        });
    }

    [Fact]
    public void A_norm_is_as_close_to_the_truth_as_its_roundings_allow()
    {
        foreach ((int rows, int columns) in Shapes)
        {
            Numbers numbers = new(columns);
            float[][] x = numbers.Rows(rows, columns);
            float[] gain = numbers.Floats(columns);
            Poisoned to = new(rows, columns);
            EveryWidth.Kernels(RegisterWidths.Widest, Precision.Float32).RowWise.RmsNorm(
                new Poisoned(x, widthOfNone: columns).Rows, gain, 1e-5f, to.Rows);
            for (int t = 0; t < rows; t++)
            {
                double r = 1 / Math.Sqrt(x[t].Sum(v => (double)v * v) / columns + 1e-5f);

                // The sum of squares has n/16 + 4 roundings, the mean and eps two more; the root halves them. Root, quotient and two products: four.
                double allowed = 1.01 * U * ((columns / 16 + 6) / 2.0 + 4);
                for (int i = 0; i < columns; i++)
                    Bits.Within(x[t][i] * r * gain[i], to.Rows[t][i], allowed * Math.Abs(x[t][i] * r * gain[i]), $"[{t}, {i}] of {columns}");
            }
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_rotation_is_its_definition_bit_for_bit(RegisterWidth width, Precision precision)
    {
        foreach ((int heads, int headDim) in new[] { (1, 2), (3, 10), (2, 32), (10, 64), (1, 128) })
        {
            foreach (int every in new[] { 1 << 30, 20 })
            {
                Numbers numbers = new(headDim);
                float[][] x = numbers.WithSpecials(numbers.Rows(4, heads * headDim, bfloat16: precision == Precision.Bfloat16), every);
                float[][] cosines = numbers.WithSpecials(numbers.Rows(4, headDim / 2), every),
                    sines = numbers.WithSpecials(numbers.Rows(4, headDim / 2), every);
                Poisoned rows = new(x, offset: 3), c = new(cosines), s = new(sines);
                EveryWidth.Kernels(width, precision).RowWise.Rotate(rows.Rows, c.Rows, s.Rows);
                Bits.Equal(Definition.Map(x, (row, t) => Definition.Rotate(row, cosines[t], sines[t], precision)), rows.Rows,
                    $"{heads} heads of {headDim}");
                rows.RequireUntouched();
            }
        }
    }

    [Fact]
    public void A_rotation_keeps_the_length_of_a_head_times_the_concentration()
    {
        RotaryTable table = new(64, 150000, 32, 4096, 1, 32);
        Kernels kernels = EveryWidth.Kernels(RegisterWidths.Widest, Precision.Float32);
        Prop.ForAll(Gen.Choose(0, 131071).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (position, seed) =>
        {
            float[] head = new Numbers(seed).Floats(64), rotated = [.. head], c = new float[32], s = new float[32];
            table.At(position, c, s);
            kernels.RowWise.Rotate(new(rotated, 1, 64, 64), new(c, 1, 32, 32), new(s, 1, 32, 32));
            double before = Math.Sqrt(head.Sum(v => (double)v * v)) * table.Concentration, after = Math.Sqrt(rotated.Sum(v => (double)v * v));

            // cos and sin carry two roundings each, products and the sum two more: 4u of |a·C| + |b·S|, which is at most √2 of the length.
            return Math.Abs(after - before) <= 6 * U * before;
        }).QuickCheckThrowOnFailure();
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void SwiGlu_is_its_definition_bit_for_bit(RegisterWidth width, Precision precision)
    {
        ForAll(width, precision, (kernels, numbers, x, columns, what) =>
        {
            int half = columns / 2;
            if (half % 16 != 0)
                return;
            foreach (float limit in new[] { 7f, 0.5f, float.PositiveInfinity })
            {
                Poisoned from = new(x, columns + 9, numbers.Below(5), columns), to = new(x.Length, half, offset: numbers.Below(5));
                kernels.RowWise.SwiGlu(from.Rows, 1.702f, limit, to.Rows);
                Bits.Equal(Definition.SwiGlu(x, 1.702f, limit, precision), to.Rows, $"SwiGLU of {what}, limit {limit}");
                from.RequireUntouched();
                to.RequireUntouched();
            }
        });
    }

    [Fact]
    public void SwiGlu_is_as_close_to_the_truth_as_its_roundings_allow()
    {
        Numbers numbers = new(5);
        float[][] gu = numbers.Rows(4, 2880, 4);
        Poisoned to = new(4, 1440);
        EveryWidth.Kernels(RegisterWidths.Widest, Precision.Float32).RowWise.SwiGlu(new Poisoned(gu).Rows, 1.702f, 7, to.Rows);
        for (int t = 0; t < 4; t++)
        {
            for (int i = 0; i < 1440; i++)
            {
                double g = Math.Min(gu[t][i], 7), u = Math.Clamp(gu[t][1440 + i], -7, 7), z = 1.702f * g, h = g / (1 + Math.Exp(-z)) * (u + 1);

                // α·g is off by u·|z|, which exp turns into a relative error; exp itself by 1 ulp = 2u; then five more roundings.
                Bits.Within(h, to.Rows[t][i], 1.01 * U * (Math.Abs(z) + 2 + 5) * Math.Abs(h), $"g {g}, u {u}");
            }
        }
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void Experts_are_mixed_by_their_definition_bit_for_bit(RegisterWidth width, Precision precision)
    {
        ForAll(width, precision, (kernels, numbers, x, columns, what) =>
        {
            foreach (int k in new[] { 1, 2, 4, 16 })
            {
                float[][] y = numbers.Rows(x.Length * k, columns);
                float[] weights = numbers.Floats(x.Length * k);
                Poisoned from = new(y, offset: numbers.Below(5), widthOfNone: columns), to = new(x, offset: numbers.Below(5), widthOfNone: columns);
                kernels.RowWise.MixExperts(from.Rows, weights, k, to.Rows);
                Bits.Equal(Definition.MixExperts(y, weights, k, x, precision), to.Rows, $"{k} experts into {what}");
                from.RequireUntouched();
                to.RequireUntouched();
            }
        });
    }

    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void A_residual_is_one_addition(RegisterWidth width, Precision precision)
    {
        ForAll(width, precision, (kernels, numbers, x, columns, what) =>
        {
            float[][] delta = numbers.Rows(x.Length, columns);
            Poisoned to = new(x, offset: 3, widthOfNone: columns), from = new(delta, offset: 2, widthOfNone: columns);
            kernels.RowWise.Add(to.Rows, from.Rows);
            float[][] expected = Definition.Map(x, (row, t) => [.. row.Select((v, i) => Definition.B(v + delta[t][i], precision))]);
            Bits.Equal(expected, to.Rows, "sum with " + what);
            to.RequireUntouched();
            from.RequireUntouched();
        });
    }

    /// <summary>Over all shapes, tame, tiny and with special values, on one thread and on several.</summary>
    private static void ForAll(RegisterWidth width, Precision precision, Action<Kernels, Numbers, float[][], int, string> check)
    {
        foreach (int threads in TestWorkers.Counts)
        {
            Kernels kernels = EveryWidth.Kernels(width, precision, threads);
            foreach ((int rows, int columns) in Shapes)
            {
                Numbers numbers = new(rows + columns);
                string what = $"{rows} × {columns} at {width}, {precision}, {threads} threads";
                check(kernels, numbers, numbers.Rows(rows, columns, 3, precision == Precision.Bfloat16), columns, what);
                if (columns > 160 || threads > 1)
                    continue;
                check(kernels, numbers, numbers.Rows(rows, columns, 1e-38f), columns, what + ", subnormal");
                check(kernels, numbers, numbers.WithSpecials(numbers.Rows(rows, columns), 60), columns, what + ", with specials");
                check(kernels, numbers, numbers.WithSpecials(numbers.Rows(rows, columns), 3), columns, what + ", mostly specials");
            }
        }
    }
}
