using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Generation;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class SamplerTests
{
    private const float Infinity = float.PositiveInfinity;

    private static int[] Draws(float[] logits, SamplingOptions options, int count)
    {
        var sampler = new Sampler();
        return [.. Enumerable.Range(0, count).Select(step => sampler.Choose(logits, options, step))];
    }

    private static int[] Kept(float[] logits, SamplingOptions options) => [.. Draws(logits, options, 4000).Distinct().Order()];

    private static float[] Logits(params double[] probabilities) => [.. probabilities.Select(p => (float)Math.Log(p))];

    [Fact]
    public void Greedy_takes_the_first_largest_logit()
    {
        Assert.Equal(1, new Sampler().Choose([1, 3, 3, 2], default, 0));
        Assert.Equal(0, new Sampler().Choose([-0f, 0f], default, 0));
        Assert.Equal(2, new Sampler().Choose([1, 2, Infinity, Infinity], default, 0));
        Assert.Equal(1, new Sampler().Choose([1, 3, 2], new SamplingOptions { TopK = 2, Seed = 9 }, 5));
    }

    [Fact]
    public void A_draw_is_a_function_of_seed_and_step()
    {
        // Constants, computed from the documented rule by a separate program that sorts every row whole.
        float[] logits = [.. Enumerable.Range(0, 100).Select(id => (id * 37 % 101) / 25f)];
        Assert.Equal(Draws1, Draws(logits, new SamplingOptions { Temperature = 1, Seed = 1 }, 12));
        Assert.Equal(Draws2, Draws(logits, new SamplingOptions { Temperature = 0.7, TopK = 20, TopP = 0.9, MinP = 0.05, Seed = 2 }, 12));
        Assert.Equal(Draws1[5], new Sampler().Choose(logits, new SamplingOptions { Temperature = 1, Seed = 1 }, 5));
    }

    private static readonly int[] Draws1 = [76, 38, 45, 95, 21, 60, 46, 19, 30, 89, 51, 54];
    private static readonly int[] Draws2 = [27, 90, 38, 76, 57, 90, 90, 57, 27, 38, 30, 60];

    [Fact]
    public void The_generator_gives_known_numbers()
    {
        // The first is SplitMix64's well-known first output for seed 0, E220A8397B1DCDAFh.
        Assert.Equal((0xE220A8397B1DCDAF >> 11) * Math.Pow(2, -53), CounterRandom.Uniform(0, 0));
        Assert.Equal(0.1603653875985772, CounterRandom.Uniform(42, 1));
        Assert.Equal(0.9187267374654792, CounterRandom.Uniform(ulong.MaxValue, long.MaxValue));
        Assert.InRange(Enumerable.Range(0, 10_000).Average(step => CounterRandom.Uniform(5, step)), 0.49, 0.51);
        Assert.InRange(Enumerable.Range(0, 10_000).Average(seed => CounterRandom.Uniform((ulong)seed, 0)), 0.49, 0.51);
    }

    [Theory]
    [InlineData(1.0, 0, 1.0, 0.0)]
    [InlineData(0.5, 0, 1.0, 0.0)]
    [InlineData(1.0, 4, 1.0, 0.0)]
    [InlineData(2.0, 0, 0.9, 0.0)]
    [InlineData(1.0, 5, 0.9, 0.1)]
    public void Tokens_come_as_often_as_their_probability_says(double temperature, int topK, double topP, double minP)
    {
        double[] p = [0.05, 0.3, 0.02, 0.25, 0.13, 0.25];
        const int Count = 60_000;
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Seed = 11 };
        int[] draws = Draws(Logits(p), options, Count);

        // The definition, by sorting everything.
        (int Id, double Weight)[] left = [.. p.Select((value, id) => (id, Math.Pow(value / 0.3, 1 / temperature))).OrderByDescending(t => t.Item2)
            .ThenBy(t => t.id)];
        if (topK > 0)
            left = left[..topK];
        double total = left.Sum(t => t.Weight), sum = 0;
        bool IsWanted(double weight)
        {
            double before = sum;
            sum += weight;
            return before < topP * total;
        }
        left = [.. left.TakeWhile(t => IsWanted(t.Weight)).Where(t => t.Weight >= minP)];
        total = left.Sum(t => t.Weight);

        double chiSquared = left.Sum(t =>
        {
            double expected = Count * t.Weight / total;
            double difference = draws.Count(id => id == t.Id) - expected;
            return difference * difference / expected;
        });
        Assert.All(draws, id => Assert.Contains(id, left.Select(t => t.Id)));
        Assert.True(chiSquared < 20.5, $"chi squared {chiSquared} with {left.Length - 1} degrees of freedom");    // 5 degrees: one in a thousand
    }

    [Fact]
    public void Top_k_keeps_the_smaller_id_of_a_tie()
    {
        float[] logits = [0, 1, 2, 1, 1];
        Assert.Equal([2], Kept(logits, new() { Temperature = 1, TopK = 1 }));
        Assert.Equal([1, 2], Kept(logits, new() { Temperature = 1, TopK = 2 }));
        Assert.Equal([1, 2, 3], Kept(logits, new() { Temperature = 1, TopK = 3 }));
        Assert.Equal([0, 1, 2, 3, 4], Kept(logits, new() { Temperature = 1, TopK = 99 }));
        Assert.Equal([0], Kept([-0f, 0f], new() { Temperature = 1, TopK = 1 }));
    }

    [Fact]
    public void Top_p_keeps_the_shortest_prefix_that_reaches_the_share()
    {
        float[] logits = [0, 0, 0, 0];      // a quarter each, exactly
        Assert.Equal([0], Kept(logits, new() { Temperature = 1, TopP = 0 }));
        Assert.Equal([0], Kept(logits, new() { Temperature = 1, TopP = 0.25 }));
        Assert.Equal([0, 1], Kept(logits, new() { Temperature = 1, TopP = 0.26 }));
        Assert.Equal([0, 1, 2], Kept(logits, new() { Temperature = 1, TopP = 0.75 }));
        Assert.Equal([0, 1, 2, 3], Kept(logits, new() { Temperature = 1, TopP = 0.7501 }));
        Assert.Equal([1, 3], Kept(Logits(0.1, 0.5, 0.05, 0.35), new() { Temperature = 1, TopP = 0.8 }));
    }

    [Fact]
    public void Top_p_is_a_share_of_what_top_k_left() =>
        Assert.Equal([0], Kept([0, 0, 0, 0], new() { Temperature = 1, TopK = 2, TopP = 0.5 }));

    [Fact]
    public void Min_p_is_relative_to_the_most_probable_token()
    {
        float[] logits = Logits(0.5, 0.26, 0.24);
        Assert.Equal([0], Kept(logits, new() { Temperature = 1, MinP = 1 }));
        Assert.Equal([0, 1], Kept(logits, new() { Temperature = 1, MinP = 0.5 }));
        Assert.Equal([0, 1, 2], Kept(logits, new() { Temperature = 1, MinP = 0.1 }));
        Assert.Equal([0, 2], Kept([1, 0, 1], new() { Temperature = 1, MinP = 1 }));
    }

    [Fact]
    public void Infinite_logits_share_everything_and_minus_infinity_gets_nothing()
    {
        Assert.Equal([1, 3], Kept([5, Infinity, 7, Infinity], new() { Temperature = 1 }));
        Assert.Equal([0, 2], Kept([0, -Infinity, 0], new() { Temperature = 1 }));
        Assert.Equal([0, 2], Kept([0, -Infinity, 0], new() { Temperature = 1, TopK = 3, TopP = 0.999999 }));
    }

    [Fact]
    public void A_tiny_temperature_is_greedy_and_a_huge_one_uniform()
    {
        Assert.Equal([1], Kept([1, 1.001f, 0], new() { Temperature = double.Epsilon }));
        Assert.Equal([0, 1, 2], Kept([100, -100, 0], new() { Temperature = double.MaxValue }));
    }

    [Fact]
    public void A_row_without_a_choice_is_refused()
    {
        foreach (SamplingOptions options in new SamplingOptions[] { default, new() { Temperature = 1 } })
        {
            LogitsException nan = Assert.Throws<LogitsException>(() => new Sampler().Choose([1, 2, float.NaN, 4], options, 0));
            Assert.Equal("The logit of id 2 is not a number; no token can be chosen from such a row.", nan.Message);
            nan = Assert.Throws<LogitsException>(() => new Sampler().Choose([float.NaN], options, 0));
            Assert.Equal("The logit of id 0 is not a number; no token can be chosen from such a row.", nan.Message);
            LogitsException nothing = Assert.Throws<LogitsException>(() => new Sampler().Choose([-Infinity, -Infinity], options, 0));
            Assert.Equal("Every logit is -infinity; no token can be chosen from such a row.", nothing.Message);
            Assert.Throws<ArgumentException>(() => new Sampler().Choose([], options, 0));
        }
    }

    [Fact]
    public void A_filter_that_removes_nothing_changes_nothing() => Prop.ForAll(Gen.Choose(0, 100_000).ToArbitrary(), seed =>
    {
        var random = new Random(seed);
        float[] logits = [.. Enumerable.Range(0, random.Next(1, 300)).Select(_ => random.NextSingle() * 10)];
        var open = new SamplingOptions { Temperature = 0.5 + random.NextDouble(), Seed = (ulong)seed };
        int expected = new Sampler().Choose(logits, open, seed);
        Assert.Equal(expected, new Sampler().Choose(logits, open with { TopK = logits.Length }, seed));
        Assert.Equal(expected, new Sampler().Choose(logits, open with { TopK = int.MaxValue, MinP = 1e-12 }, seed));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_sampler_used_for_other_rows_before_chooses_the_same()
    {
        var used = new Sampler();
        var random = new Random(3);
        for (int round = 0; round < 200; round++)
        {
            float[] logits = [.. Enumerable.Range(0, random.Next(1, 500)).Select(_ => random.NextSingle() * 8)];
            var options = new SamplingOptions
            {
                Temperature = 1,
                TopK = random.Next(20),
                TopP = random.NextDouble(),
                MinP = random.NextDouble() / 4,
                Seed = 8,
            };
            Assert.Equal(new Sampler().Choose(logits, options, round), used.Choose(logits, options, round));
        }
    }

    [Fact]
    public void Options_out_of_range_are_refused()
    {
        foreach (double bad in new[] { -1, double.NaN, double.PositiveInfinity })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { Temperature = bad });
            Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { TopP = bad });
            Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { MinP = bad });
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingOptions { TopK = -1 });
        Assert.Equal(default, new SamplingOptions { TopP = 1 });
        Assert.Equal(1, default(SamplingOptions).TopP);
    }

    [Fact]
    public void A_row_of_the_released_size_allocates_nothing()
    {
        var random = new Random(1);
        float[] logits = [.. Enumerable.Range(0, 201_088).Select(_ => (float)(random.NextDouble() + random.NextDouble() + random.NextDouble()) * 8)];
        var sampler = new Sampler();
        foreach (SamplingOptions options in new SamplingOptions[]
        {
            new(), new() { Temperature = 1 }, new() { Temperature = 1, TopK = 50 }, new() { Temperature = 1, TopP = 0.95 },
            new() { Temperature = 1, MinP = 0.05 },
        })
        {
            // The first steps may grow the buffers, for a candidate list is as long as the draw needs it.
            for (int step = 0; step < 10; step++)
                sampler.Choose(logits, options, step);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int step = 0; step < 10; step++)
                sampler.Choose(logits, options, step);
            Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        }
    }

    [Fact]
    public void A_choice_under_a_mask_is_the_choice_from_a_row_whose_other_logits_are_minus_infinity()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            float[] logits = [.. Enumerable.Range(0, random.Next(1, 300)).Select(_ => random.Next(12) switch
            {
                0 => -0f,
                1 => 0f,
                2 => float.NegativeInfinity,
                3 => 5f,
                _ => (float)(random.NextDouble() * 10 - 5),
            })];
            ulong[] allowed = new ulong[TokenConstraint.MaskWords(logits.Length) + random.Next(2)];
            double share = random.NextDouble();
            for (int bit = 0; bit < allowed.Length * 64; bit++)
            {
                if (random.NextDouble() < share)
                    allowed[bit / 64] |= 1UL << bit % 64;
            }
            int one = random.Next(logits.Length);
            allowed[one / 64] |= 1UL << one % 64;
            logits[one] = random.Next(-3, 6);

            float[] blended = [.. logits.Select((logit, id) => (allowed[id / 64] >> id % 64 & 1) != 0 ? logit : float.NegativeInfinity)];
            for (int id = 0; id < logits.Length; id++)
            {
                if (float.IsNegativeInfinity(blended[id]) && random.Next(3) == 0 && (allowed[id / 64] >> id % 64 & 1) == 0)
                    logits[id] = float.NaN;
            }
            var options = new SamplingOptions
            {
                Temperature = random.Next(3) * 0.7,
                TopK = random.Next(3) * 4,
                TopP = random.Next(2) == 0 ? 1 : 0.8,
                MinP = random.Next(2) * 0.1,
                Seed = (ulong)seed,
            };
            for (int step = 0; step < 4; step++)
                Assert.Equal(new Sampler().Choose(blended, options, step), new Sampler().Choose(logits, options, step, allowed));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_mask_that_allows_nothing_that_can_be_chosen_is_refused()
    {
        Assert.Throws<LogitsException>(() => new Sampler().Choose([1, 2], default, 0, [0]));
        Assert.Throws<LogitsException>(() => new Sampler().Choose([1, float.NegativeInfinity], default, 0, [2]));
        Assert.Throws<LogitsException>(() => new Sampler().Choose([1, 2], default, 0, [4]));
        Assert.StartsWith("The logit of id 1 ",
            Assert.Throws<LogitsException>(() => new Sampler().Choose([float.NaN, float.NaN], default, 0, [2])).Message);
        float[] row = [.. Enumerable.Repeat(0f, 100)];
        row[70] = float.NaN;
        Assert.Equal(3, new Sampler().Choose(row, default, 0, [8, ~(1UL << 6)]));
        Assert.StartsWith("The logit of id 70 ", Assert.Throws<LogitsException>(() => new Sampler().Choose(row, default, 0, [8, 1UL << 6])).Message);
        Assert.Throws<ArgumentException>(() => new Sampler().Choose(row, default, 0, [8]));
        Assert.Throws<ArgumentException>(() => new Sampler().Choose([], default, 0, [8]));
    }
}
