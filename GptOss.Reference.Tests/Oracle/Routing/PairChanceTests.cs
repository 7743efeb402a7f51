using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Tests.Numerics;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Routing;

/// <summary>Chance is what listing every set of experts gives.</summary>
public class PairChanceTests
{
    [Fact]
    public void Pairs_are_those_of_the_distribution_over_all_sets() =>
        Prop.ForAll(Gen.Choose(3, 9).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (experts, seed) =>
        {
            Numbers numbers = new(seed);
            int k = 1 + numbers.Below(experts - 1);
            double[] weights = [.. Enumerable.Range(0, experts).Select(_ => 0.05 + numbers.Below(1000) / 100.0)];
            (double[] load, double[] pairs) = Listed(weights, k);
            double[] found = PairChance.Of(load, k);
            for (int i = 0; i < pairs.Length; i++)
                Assert.Equal(pairs[i], found[i], 1e-6);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Even_loads_give_the_share_of_a_draw_without_putting_back()
    {
        double[] pairs = PairChance.Of([.. Enumerable.Repeat(4 / 128.0, 128)], 4);
        Assert.Equal(4.0 * 3 / (128 * 127), pairs[5 * 128 + 77], 1e-9);
    }

    [Fact]
    public void An_expert_of_every_token_is_with_each_as_often_as_that_one_is_there()
    {
        double[] pairs = PairChance.Of([1, 0.5, 0.3, 0.2, 0], 2);
        Assert.Equal([1, 0.5, 0.3, 0.2, 0], pairs[..5]);
        Assert.Equal(0, pairs[1 * 5 + 2]);             // one place is left, so no two others meet
        Assert.All(PairChance.Of([1, 1, 1], 3), share => Assert.Equal(1, share));
        Assert.All(PairChance.Of([0, 0, 0], 2), share => Assert.Equal(0, share));
    }

    private static (double[] Load, double[] Pairs) Listed(double[] weights, int k)
    {
        int n = weights.Length;
        double[] load = new double[n], pairs = new double[n * n];
        double all = 0;
        foreach (int[] set in Enumerable.Range(0, 1 << n).Where(bits => int.PopCount(bits) == k).Select(bits => Enumerable.Range(0, n).Where(i => (bits >> i & 1) == 1).ToArray()))
        {
            double share = set.Aggregate(1.0, (product, i) => product * weights[i]);
            all += share;
            foreach (int a in set)
            {
                load[a] += share;
                foreach (int b in set)
                    pairs[a * n + b] += share;
            }
        }
        return ([.. load.Select(share => share / all)], [.. pairs.Select(share => share / all)]);
    }
}
