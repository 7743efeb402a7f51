using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.RowKernels;

[Trait("Category", "Numeric")]
public class RouterTests
{
    [Theory, MemberData(nameof(EveryWidth.AndPrecision), MemberType = typeof(EveryWidth))]
    public void The_best_experts_are_those_that_a_sort_puts_first(RegisterWidth width, Precision precision)
    {
        Kernels kernels = EveryWidth.Kernels(width, precision);
        Prop.ForAll(Gen.Choose(1, 128).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (experts, seed) =>
        {
            // bfloat16 logits tie now and then, eighths often; special values and NaN among them.
            Numbers numbers = new(seed);
            int k = 1 + numbers.Below(Math.Min(experts, 16));
            float[][] logits = numbers.Rows(3, experts, bfloat16: true);
            logits[1] = [.. logits[1].Select(v => MathF.Round(v * 4) / 8)];
            numbers.WithSpecials(logits[2..], 4);
            int[] chosen = new int[3 * k];
            float[] weights = new float[3 * k];
            Poisoned rows = new(logits);
            kernels.RowWise.Route(rows.Rows, k, chosen, weights);
            for (int t = 0; t < 3; t++)
            {
                (int[] expected, float[] expectedWeights) = Definition.Route(logits[t], k, precision);
                Assert.Equal(expected, chosen[(t * k)..((t + 1) * k)]);
                Bits.Equal(expectedWeights, weights.AsSpan(t * k, k), $"{k} of {experts}, row {t}");
            }
            rows.RequireUntouched();
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void The_lowest_index_wins_a_tie_and_not_a_number_loses_to_every_number()
    {
        Assert.Equal([1, 3, 0], Choose([1, 2, float.NaN, 2, 1], 3));
        Assert.Equal([0, 1, 2], Choose([-0f, 0f, -0f], 3));
        Assert.Equal([1, 0, 2], Choose([float.NaN, float.NegativeInfinity, float.NaN], 3));
        Assert.Equal([0, 1], Choose([float.NaN, float.NaN, float.NaN], 2));
    }

    [Fact]
    public void Weights_sum_to_one()
    {
        Kernels kernels = EveryWidth.Kernels(RegisterWidth.Scalar, Precision.Float32);
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            float[] weights = new float[4];
            kernels.RowWise.Route(new(new Numbers(seed).Floats(32, 5), 1, 32, 32), 4, new int[4], weights);

            // Each quotient is off by half an ulp of itself, the denominator by three roundings.
            return Math.Abs(weights.Sum(w => (double)w) - 1) <= 4 * Math.ScaleB(1, -24) && weights.SequenceEqual(weights.OrderDescending());
        }).QuickCheckThrowOnFailure();
    }

    private static int[] Choose(float[] logits, int k)
    {
        int[] experts = new int[k];
        EveryWidth.Kernels(RegisterWidth.Scalar, Precision.Float32).RowWise.Route(
            new(logits, 1, logits.Length, logits.Length), k, experts, new float[k]);
        return experts;
    }
}
