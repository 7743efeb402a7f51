using System.Globalization;
using GptOss.Reference.Generation.Constraints.Languages;
using Xunit;

namespace GptOss.Reference.Tests.Generation.Constraints.Languages;

public class ExactDecimalTests
{
    [Theory]
    [InlineData("1", "1.0", 0)]
    [InlineData("100", "1e2", 0)]
    [InlineData("-0", "0", 0)]
    [InlineData("1e400", "1e399", 1)]
    [InlineData("0.1", "0.10000000000000000000000000001", -1)]
    [InlineData("-2", "1", -1)]
    [InlineData("-2", "-3", 1)]
    [InlineData("1e-999999999", "0", 1)]
    public void Numbers_are_compared_without_rounding(string a, string b, int order)
    {
        Assert.Equal(order, Math.Sign(ExactDecimal.Parse(a).CompareTo(ExactDecimal.Parse(b))));
        Assert.Equal(-order, Math.Sign(ExactDecimal.Parse(b).CompareTo(ExactDecimal.Parse(a))));
        Assert.Equal(order == 0, ExactDecimal.Parse(a).Equals(ExactDecimal.Parse(b)));
    }

    [Fact]
    public void Comparing_agrees_with_decimal_and_spelling_reads_back()
    {
        var random = new Random(1);
        for (int i = 0; i < 2_000; i++)
        {
            decimal a = random.Next(-2_000, 2_000) / (decimal)Math.Pow(10, random.Next(4)), b = random.Next(-2_000, 2_000) / 100m;
            (ExactDecimal x, ExactDecimal y) = (Of(a), Of(b));
            Assert.Equal(Math.Sign(a.CompareTo(b)), Math.Sign(x.CompareTo(y)));
            Assert.Equal(a == decimal.Truncate(a), x.IsInteger);
            Assert.Equal(x, ExactDecimal.Parse(x.ToString()));
        }
    }

    private static ExactDecimal Of(decimal value) => ExactDecimal.Parse(value.ToString(CultureInfo.InvariantCulture));
}
