using GptOss.Reference.Numerics.Buffers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics;

/// <summary>Comparison by bits, every NaN being one.</summary>
internal static class Bits
{
    internal static uint Of(float value) => float.IsNaN(value) ? 0x7FC00000 : BitConverter.SingleToUInt32Bits(value);

    internal static void Equal(float expected, float actual, string what) => Equal([expected], [actual], what);

    internal static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            if (Of(expected[i]) != Of(actual[i]))
                Assert.Fail($"{what} [{i}]: expected {expected[i]:R} ({Of(expected[i]):X8}), got {actual[i]:R} ({Of(actual[i]):X8}).");
        }
    }

    internal static void Equal(float[][] expected, Rows actual, string what)
    {
        Assert.Equal(expected.Length, actual.Count);
        for (int row = 0; row < expected.Length; row++)
            Equal(expected[row], actual[row], $"{what}, row {row}");
    }

    /// <summary>Every |expected − actual| is at most allowed; NaN fails.</summary>
    internal static void Within(double expected, double actual, double allowed, string what)
    {
        if (!(Math.Abs(expected - actual) <= allowed))
            Assert.Fail($"{what}: expected {expected:R}, got {actual:R}, allowed ±{allowed:R}.");
    }
}
