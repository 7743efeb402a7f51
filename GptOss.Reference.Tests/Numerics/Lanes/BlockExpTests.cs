using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Lanes;

[Trait("Category", "Numeric")]
public class BlockExpTests
{
    private const uint FirstNegative = 0x80000000;

    // The largest argument with a finite result and the smallest with a normal one, as bits.
    private static readonly uint LargestBits = BitConverter.SingleToUInt32Bits(88.72283f), SmallestBits = BitConverter.SingleToUInt32Bits(-87.33654f);

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Special_values_and_thresholds_are_exact(RegisterWidth width)
    {
        float[] x =
        [
            0f, -0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 88.72283f, MathF.BitIncrement(88.72283f), -87.33654f,
            MathF.BitDecrement(-87.33654f),
            float.MaxValue, float.MinValue, float.Epsilon, -float.Epsilon, 1e-30f, 1e30f, -1e30f, 1e9f, -1e9f,
        ];
        float[] y = new float[x.Length];
        EveryWidth.Kernels(width, Precision.Float32).RowWise.Exp(x, y);
        Bits.Equal(
            [
                1, 1, float.NaN, float.PositiveInfinity, 0, y[5], float.PositiveInfinity, y[7], 0,
                float.PositiveInfinity, 0, 1, 1, 1, float.PositiveInfinity, 0, float.PositiveInfinity, 0,
            ],
            y, "exp");
        Assert.True(float.IsFinite(y[5]) && y[5] > 3.4e38f);
        Assert.True(float.IsNormal(y[7]) && y[7] < 1.18e-38f);

        // The thresholds stand where the true function leaves the range.
        Assert.True(Math.Exp(MathF.BitIncrement(88.72283f)) > float.MaxValue);
        Assert.True(Math.Exp(MathF.BitDecrement(-87.33654f)) < 1.17549435e-38);
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Every_length_is_served_and_nothing_beyond_it(RegisterWidth width)
    {
        Kernels kernels = EveryWidth.Kernels(width, Precision.Float32);
        foreach (int length in EveryWidth.Lengths)
        {
            Numbers numbers = new(length);
            float[] x = numbers.WithSpecials(numbers.Rows(1, length, 20), 9)[0];
            Poisoned from = new([x], offset: 3), to = new(1, length, offset: 1);
            kernels.RowWise.Exp(from.Rows[0], to.Rows[0]);
            Bits.Equal([.. x.Select(Elementary.Exp)], to.Rows[0], $"exp of {length}");
            from.RequireUntouched();
            to.RequireUntouched();
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => kernels.RowWise.Exp(new float[3], new float[2]));
    }

    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Exp_is_within_one_ulp_on_a_stratified_sample(RegisterWidth width)
    {
        // 2^20 strata over the bit patterns between the thresholds, one value at random in each.
        const int strata = 1 << 19, each = 4096;
        Kernels kernels = EveryWidth.Kernels(width, Precision.Float32);
        Random random = new(1);
        float[] x = new float[each], y = new float[each];
        double worst = 0;
        foreach ((uint first, uint last) in new[] { (0u, LargestBits), (FirstNegative, SmallestBits) })
        {
            double step = (last - first) / (double)strata;
            for (int i = 0; i < strata; i += each)
            {
                for (int j = 0; j < each; j++)
                    x[j] = BitConverter.UInt32BitsToSingle(first + (uint)((i + j + random.NextDouble()) * step));
                kernels.RowWise.Exp(x, y);
                worst = Math.Max(worst, WorstUlp(x, y));
            }
        }
        Assert.InRange(worst, 0, 1);
    }

    [Fact, Trait("Speed", "Slow")]
    public void Exp_is_within_one_ulp_on_every_float_between_the_thresholds()
    {
        Assert.SkipUnless((Environment.GetEnvironmentVariable("GPTOSS_BIG_TESTS") ?? "").Contains("exp", StringComparison.Ordinal),
            "Two thousand million values; GPTOSS_BIG_TESTS=exp asks for it.");
        const uint each = 1 << 20;
        double worst = 0;
        Lock gate = new();
        foreach ((uint first, uint last) in new[] { (0u, LargestBits), (FirstNegative, SmallestBits) })
        {
            Parallel.For(0, (last - first) / each + 1, new ParallelOptions { MaxDegreeOfParallelism = Topology.PhysicalCores }, piece =>
            {
                uint begin = first + (uint)piece * each, count = Math.Min(each, last - begin + 1);
                float[] x = new float[count], y = new float[count];
                for (uint i = 0; i < count; i++)
                    x[i] = BitConverter.UInt32BitsToSingle(begin + i);
                Kernels.Create(RegisterWidths.Widest, Precision.Float32, TestWorkers.Of(1)).RowWise.Exp(x, y);
                double here = WorstUlp(x, y);
                lock (gate)
                    worst = Math.Max(worst, here);
            });
        }
        Assert.Equal(0.938605, worst, 6);      // what the comment of BlockExp says
    }

    /// <summary>The largest error in units of the last place of the true value, which double gives to 2^−29 of such a unit.</summary>
    private static double WorstUlp(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double exact = Math.Exp(x[i]);
            long exponent = BitConverter.DoubleToInt64Bits(exact) & 0x7FF0000000000000;
            double perUlp = BitConverter.Int64BitsToDouble((0x7FE0000000000000 - exponent) + (23L << 52));     // 2^23 / 2^exponent
            double error = Math.Abs(y[i] - exact) * perUlp;
            if (!(error <= worst))
                worst = error;
        }
        return worst;
    }
}
