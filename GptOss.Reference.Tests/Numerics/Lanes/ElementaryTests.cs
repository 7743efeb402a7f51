using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Lanes;

/// <summary>Our own elementary functions in double against the platform's, which are within an ulp of the truth.</summary>
[Trait("Category", "Numeric")]
public class ElementaryTests
{
    private const int Samples = 50_000;

    [Fact]
    public void Exp_is_within_two_ulp()
    {
        Check(i => -708 + 1417.7 * i / Samples, Elementary.Exp, Math.Exp);
        Check(i => (i - Samples / 2) * 1e-6, Elementary.Exp, Math.Exp);
    }

    [Fact]
    public void Ln_is_within_two_ulp()
    {
        Check(i => 0.5 + 1.5 * (i + 1) / Samples, Elementary.Ln, Math.Log);
        Check(i => 1 + (i - Samples / 2) * 1e-9, Elementary.Ln, Math.Log);
        Check(i => Math.ScaleB(1 + (double)i / Samples, i % 2000 - 1000), Elementary.Ln, Math.Log);
    }

    [Fact]
    public void Sine_and_cosine_are_within_two_ulp()
    {
        Check(i => i * 1.7e-4, x => Elementary.SinCos(x).Sin, Math.Sin);
        Check(i => i * 1.7e-4, x => Elementary.SinCos(x).Cos, Math.Cos);
        Check(i => -i * 20.971, x => Elementary.SinCos(x).Sin, Math.Sin);
        Check(i => -i * 20.971, x => Elementary.SinCos(x).Cos, Math.Cos);
        Check(i => i * 20971.3, x => Elementary.SinCos(x).Sin, Math.Sin);
        Check(i => i * 20971.3, x => Elementary.SinCos(x).Cos, Math.Cos);

        // Beside the zeros, where the reduction loses most. The model's angles are float32 values, which come no nearer than these.
        Check(i => (float)(i * Math.PI / 2), x => Elementary.SinCos(x).Sin, Math.Sin);
        Check(i => (float)(i * Math.PI / 2), x => Elementary.SinCos(x).Cos, Math.Cos);
    }

    [Fact]
    public void Pow_is_within_the_error_of_its_exponent()
    {
        // base^e = e^(e·ln base): an ulp of the product, up to 12 here, is eight of the result; the functions add two each.
        Check(i => (float)i / Samples, e => Elementary.Pow(150000, e), e => Math.Pow(150000, e), ulps: 16);

        // What the model asks for is rounded to float32, and there it is the platform's to the bit.
        foreach (int headDim in new[] { 32, 64, 128 })
        {
            for (int i = 0; i < headDim / 2; i++)
                Assert.Equal((float)Math.Pow(150000, 2f * i / headDim), (float)Elementary.Pow(150000, 2f * i / headDim));
        }
    }

    [Fact]
    public void Special_values_are_exact()
    {
        Assert.Equal(1, Elementary.Exp(0.0));
        Assert.Equal(1, Elementary.Exp(-0.0));
        Assert.Equal(0, Elementary.Exp(double.NegativeInfinity));
        Assert.Equal(0, Elementary.Exp(-708.1));
        Assert.Equal(double.PositiveInfinity, Elementary.Exp(709.8));
        Assert.Equal(double.PositiveInfinity, Elementary.Exp(double.PositiveInfinity));
        Assert.True(double.IsNaN(Elementary.Exp(double.NaN)));
        Assert.InRange(Elementary.Exp(709.782712893384), 1.797e308, double.MaxValue);
        Assert.Equal(0, Elementary.Ln(1));
        Assert.Equal(double.NegativeInfinity, Elementary.Ln(0));
        Assert.Equal(double.PositiveInfinity, Elementary.Ln(double.PositiveInfinity));
        Assert.True(double.IsNaN(Elementary.Ln(-1)));
        Assert.True(double.IsNaN(Elementary.Ln(double.NaN)));
        Bits.Within(Math.Log(double.Epsilon), Elementary.Ln(double.Epsilon), 2e-13, "ln of the smallest subnormal");
        Assert.Equal(1, Elementary.Pow(150000, 0));
        Assert.Equal((0.0, 1.0), Elementary.SinCos(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Elementary.SinCos(2147483649));
        Assert.Throws<ArgumentOutOfRangeException>(() => Elementary.SinCos(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Elementary.SinCos(double.NegativeInfinity));
    }

    private static void Check(Func<int, double> argument, Func<double, double> ours, Func<double, double> platform, double ulps = 2)
    {
        for (int i = 0; i < Samples; i++)
        {
            double x = argument(i), expected = platform(x), actual = ours(x);
            Bits.Within(expected, actual, ulps * Math.Max(Math.BitIncrement(Math.Abs(expected)) - Math.Abs(expected), double.Epsilon), $"at {x:R}");
        }
    }
}
