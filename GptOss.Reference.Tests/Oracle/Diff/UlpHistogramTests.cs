using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Diff;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Diff;

public class UlpHistogramTests
{
    [Fact]
    public void So_many_steps_apart_is_that_bucket() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            float start = random.Next(5) == 0 ? (random.Next(3) - 1) * float.Epsilon * random.Next(20) : (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-30, 30)));
            int steps = random.Next(40);
            float single = start == 0 ? 0 : start, narrow = Bfloat16.Round(start) == 0 ? 0 : Bfloat16.Round(start), wide = narrow;
            for (int i = 0; i < steps; i++)
            {
                single = MathF.BitIncrement(single);
                wide = NextBfloat16(wide);
            }
            var histogram = new UlpHistogram();
            histogram.AddFloat32(start, single, comparable: true);
            Assert.Equal([(Bucket(steps), 1L)], histogram.Counts);
            histogram = new UlpHistogram();
            histogram.AddBfloat16(wide, narrow, comparable: true);
            Assert.Equal([(Bucket(steps), 1L)], histogram.Counts);
        }));

    [Fact]
    public void Zeros_are_equal_and_the_ends_are_far_apart()
    {
        var histogram = new UlpHistogram();
        histogram.AddFloat32(0, -0.0f, comparable: true);
        histogram.AddFloat32(float.MinValue, float.MaxValue, comparable: true);
        histogram.AddFloat32(float.NaN, 1, comparable: false);
        Assert.Equal([(0L, 1L), (1L << 32, 1L)], histogram.Counts);
        Assert.Equal((1, 3), (histogram.NotComparable, histogram.Total));
    }

    /// <summary>The smallest power of two that is not below it.</summary>
    private static long Bucket(int steps)
    {
        long bucket = steps == 0 ? 0 : 1;
        while (bucket < steps)
            bucket *= 2;
        return bucket;
    }

    private static float NextBfloat16(float value)
    {
        ushort bits = Bfloat16.FromSingle(value);
        float next = Bfloat16.ToSingle(value == 0 ? (ushort)1 : value > 0 ? (ushort)(bits + 1) : (ushort)(bits - 1));
        return next == 0 ? 0 : next;
    }
}
