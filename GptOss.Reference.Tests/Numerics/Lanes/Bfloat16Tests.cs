using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Lanes;

[Trait("Category", "Numeric")]
public class Bfloat16Tests
{
    [Fact]
    public void Every_pattern_survives_the_way_to_float32_and_back()
    {
        for (int bits = 0; bits < 65536; bits++)
        {
            float value = Bfloat16.ToSingle((ushort)bits);
            bool nan = (bits & 0x7FFF) > 0x7F80;
            Assert.Equal(nan, float.IsNaN(value));
            Assert.Equal(nan ? bits | 0x40 : bits, Bfloat16.FromSingle(value));      // a NaN comes back quiet
        }
    }

    [Theory]
    [InlineData(1.0f, 0x3F80, 1.0f)]
    [InlineData(1.00390625f, 0x3F80, 1.0f)]                                          // a tie, even below
    [InlineData(1.01171875f, 0x3F82, 1.015625f)]                                     // a tie, even above
    [InlineData(3.4028235e38f, 0x7F80, float.PositiveInfinity)]
    [InlineData(-3.4028235e38f, 0xFF80, float.NegativeInfinity)]
    [InlineData(1.702f, 0x3FDA, 1.703125f)]
    [InlineData(1.3465735902799727f, 0x3FAC, 1.34375f)]                              // YaRN's concentration
    [InlineData(-0f, 0x8000, -0f)]
    [InlineData(1e-40f, 0x0001, 9.1835496e-41f)]
    [InlineData(float.PositiveInfinity, 0x7F80, float.PositiveInfinity)]
    public void Values_round_as_published(float value, int bits, float back)
    {
        Assert.Equal(bits, Bfloat16.FromSingle(value));
        Bits.Equal(back, Bfloat16.Round(value), $"{value:R}");
    }

    [Fact]
    public void Rounding_finds_the_nearest_value_ties_to_even() =>
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Gen.Elements(0u, 0x80000000).ToArbitrary(), (magnitude, sign) =>
        {
            float value = BitConverter.UInt32BitsToSingle((uint)magnitude | sign);
            if (float.IsNaN(value))
                return float.IsNaN(Bfloat16.Round(value));

            // Between the two neighbours that bracket the value, by distance in double; what lies beyond the largest counts as 2^128.
            ushort below = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
            double a = Extended(below), b = Extended((ushort)(below + 1)), x = value;
            bool up = float.IsInfinity(value) ? false : Math.Abs(b - x) < Math.Abs(x - a) || (Math.Abs(b - x) == Math.Abs(x - a) && (below & 1) != 0);
            return Bfloat16.FromSingle(value) == (ushort)(below + (up ? 1 : 0));
        }).QuickCheckThrowOnFailure();

    private static double Extended(ushort bits)
    {
        double value = Bfloat16.ToSingle(bits);
        return double.IsInfinity(value) ? Math.CopySign(Math.ScaleB(1, 128), value) : value;
    }
}
