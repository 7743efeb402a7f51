using GptOss.Reference.Numerics.RowKernels;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.RowKernels;

[Trait("Category", "Numeric")]
public class RotaryTableTests
{
    private static readonly RotaryTable Published = new(64, 150000, 32, 4096, 1, 32);

    [Theory]
    [InlineData(0, 1.0, 1.0)]
    [InlineData(1, 1.0, 0.6890443059)]
    [InlineData(8, 1.0, 0.05081327482)]
    [InlineData(9, 0.90250436, 0.03170569618)]
    [InlineData(10, 0.79503809, 0.01933500113)]
    [InlineData(11, 0.68757182, 0.01159204926)]
    [InlineData(12, 0.58010555, 0.006794959490)]
    [InlineData(13, 0.47263928, 0.003860359317)]
    [InlineData(14, 0.36517301, 0.002093792379)]
    [InlineData(15, 0.25770675, 0.001052602101)]
    [InlineData(16, 0.15024048, 0.0004564839192)]
    [InlineData(17, 0.04277421, 0.0001293187012)]
    [InlineData(18, 0.0, 3.830881237e-05)]
    [InlineData(31, 0.0, 3.023511428e-07)]
    public void Frequencies_and_masks_are_the_published_ones(int i, double mask, double frequency)
    {
        // The values are double evaluations; float32 follows them to about 1e-6.
        double omega = Published.Frequencies[i], f = Math.Pow(150000, i / 32.0);
        Bits.Within(frequency, omega, 1e-6 * frequency, $"ω_{i}");

        // ω = (1/(32·f))·(1 − m) + (1/f)·m, solved for m.
        Bits.Within(mask, (omega * f * 32 - 1) / 31, 2e-6, $"m_{i}");
    }

    [Theory]
    [InlineData(1, 0, 0.727556816, 1.133102605)]
    [InlineData(1, 9, 1.345896825, 0.042686900)]
    [InlineData(1, 17, 1.346573579, 0.000174137)]
    [InlineData(128, 0, -0.933035215, 0.970930339)]
    [InlineData(128, 9, -0.819273423, -1.068668093)]
    [InlineData(128, 17, 1.346389117, 0.022288537)]
    [InlineData(4096, 17, 1.162044596, 0.680376948)]
    [InlineData(131071, 31, 1.345516335, 0.053350026)]
    public void Cosines_and_sines_carry_the_concentration(int position, int i, double cosine, double sine)
    {
        float[] c = new float[32], s = new float[32];
        Published.At(position, c, s);

        // ω is off by 1e-6 of itself, the angle by that and a rounding.
        double allowed = 1e-6 + 1.35 * 1e-6 * position * Published.Frequencies[i];
        Bits.Within(cosine, c[i], allowed, "cos·c");
        Bits.Within(sine, s[i], allowed, "sin·c");
    }

    [Fact]
    public void Every_angle_is_the_float32_product_turned_by_the_exact_functions()
    {
        float[] c = new float[32], s = new float[32];
        foreach (int position in new[] { 0, 1, 2, 3, 127, 128, 4095, 4096, 65535, 131071, 1048576 })
        {
            Published.At(position, c, s);
            for (int i = 0; i < 32; i++)
            {
                float angle = position * Published.Frequencies[i];
                Bits.Equal((float)Math.Cos(angle) * Published.Concentration, c[i], $"cos of {angle}");
                Bits.Equal((float)Math.Sin(angle) * Published.Concentration, s[i], $"sin of {angle}");
            }
        }
    }

    [Theory]
    [InlineData(64, 150000f, 32f, 4096, 1f, 32f, false)]
    [InlineData(32, 150000f, 32f, 4096, 1f, 32f, false)]
    [InlineData(128, 150000f, 32f, 4096, 1f, 32f, false)]
    [InlineData(64, 10000f, 4f, 2048, 0.7f, 20f, false)]
    [InlineData(64, 150000f, 32f, 4096, 1f, 32f, true)]
    [InlineData(128, 150000f, 32f, 4096, 1f, 32f, true)]
    [InlineData(64, 10000f, 4f, 2048, 0.7f, 20f, true)]
    public void Frequencies_are_their_definition_bit_for_bit(int headDim, float @base, float factor, int context, float slow, float fast, bool rounds)
    {
        ReadOnlySpan<float> frequencies = new RotaryTable(headDim, @base, factor, context, slow, fast, rounds).Frequencies;
        double low = headDim / 2 * Math.Log(context / (fast * 2 * Math.PI)) / Math.Log(@base);
        double high = headDim / 2 * Math.Log(context / (slow * 2 * Math.PI)) / Math.Log(@base);
        if (rounds)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        for (int i = 0; i < headDim / 2; i++)
        {
            float f = (float)Math.Pow(@base, 2f * i / headDim), ramp = (i - (float)low) / (float)(high - low);
            float m = 1 - (ramp < 0 ? 0 : ramp > 1 ? 1 : ramp), interpolated = 1 / (factor * f), extrapolated = 1 / f;
            float first = interpolated * (1 - m), second = extrapolated * m;
            Bits.Equal(first + second, frequencies[i], $"ω_{i}");
        }
    }

    [Fact]
    public void Rounded_bounds_are_the_next_whole_pairs_outside()
    {
        var published = YarnBounds.Of(64, 150000, 4096, 1, 32);
        Assert.Equal((8.0928, 17.398), (Math.Round(published.Low, 4), Math.Round(published.High, 4)));
        Assert.Equal(new YarnBounds(8, 18), published.Rounded());
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.5f)]
    public void Without_scaling_nothing_is_interpolated(float factor)
    {
        RotaryTable table = new(64, 150000, factor, 4096, 1, 32);
        Assert.Equal(1, table.Concentration);
        for (int i = 0; i < 32; i++)
            Bits.Equal(1 / (float)Math.Pow(150000, 2f * i / 64), table.Frequencies[i], $"ω_{i}");
        float[] c = new float[32], s = new float[32];
        table.At(0, c, s);
        Assert.All(c, v => Assert.Equal(1, v));
        Assert.All(s, v => Assert.Equal(0, v));
    }

    [Fact]
    public void The_concentration_is_a_tenth_of_the_logarithm_and_one() => Assert.Equal((float)1.3465735902799727, Published.Concentration);

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(7)]
    public void A_head_without_pairs_is_refused(int headDim) =>
        Assert.Equal($"A head of {headDim} channels has no pairs to rotate. (Parameter 'headDim')",
            Assert.Throws<ArgumentException>(() => new RotaryTable(headDim, 150000, 32, 4096, 1, 32)).Message);

    [Theory]
    [InlineData(8, 65536, 1f, 32f, "high > 3")]
    [InlineData(64, 4096, 32f, 1f, "low > high")]
    [InlineData(64, 4096, 32f, 32f, "low = high")]
    [InlineData(64, 100, 1f, 32f, "low < 0")]
    [InlineData(64, 4096, float.NaN, 32f, "not a number")]
    public void Broken_bounds_are_refused(int headDim, int context, float slow, float fast, string why)
    {
        Exception e = Assert.Throws<ArgumentException>(() => new RotaryTable(headDim, 150000, 32, context, slow, fast));
        Assert.True(e.Message.StartsWith("YaRN bounds ", StringComparison.Ordinal), why + ": " + e.Message);
    }
}
