using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Routing;

/// <summary>Statistics are what a plain count over all recorded choices gives.</summary>
public class RoutingStatisticsTests(SmallModels models) : IClassFixture<SmallModels>
{
    private const int Experts = 8;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Transformer Load(Precision precision = Precision.Float32) => SmallModels.Load(models.ShapeBase, precision: precision);

    [Fact]
    public void Load_and_pairs_are_those_of_a_plain_count()
    {
        using Transformer model = Load();
        int[] ids = SmallModels.Ids(700, model.Config.VocabSize, 1);
        var statistics = new RoutingStatistics(model);
        Tracer.Run(model, ids, new() { Positions = [], Routing = statistics.Add }, Cancellation);
        List<RecordedRouting> tokens = RecordedRouting.Of(model, ids, out _, new() { Positions = [] });
        Assert.Equal((700, 1400L), (statistics.Tokens, statistics.Choices));
        foreach (LayerRouting layer in statistics.Layers)
        {
            List<HashSet<int>> sets = [.. tokens.Select(token => token.Experts[layer.Layer].ToHashSet())];
            double[] shares = [.. Enumerable.Range(0, Experts).Select(expert => sets.Count(set => set.Contains(expert)) / (4.0 * sets.Count))];
            Assert.Equal(shares.Select(share => (int)Math.Round(share * 4 * sets.Count)), layer.Counts);
            Assert.Equal(shares.Count(share => share == 0), layer.Unused);
            Assert.Equal(Math.Exp(-shares.Where(share => share > 0).Sum(share => share * Math.Log(share))), layer.EffectiveExperts, 1e-9);
            double mean = shares.Average();
            Assert.Equal(Math.Sqrt(shares.Average(share => (share - mean) * (share - mean))) / mean, layer.CoefficientOfVariation, 1e-9);

            IReadOnlyList<ExpertPair> pairs = layer.Pairs();
            Assert.Equal(Experts * (Experts - 1) / 2, pairs.Count);
            Assert.All(pairs, pair =>
            {
                int together = sets.Count(set => set.Contains(pair.A) && set.Contains(pair.B));
                Assert.Equal((together, together, together), (pair.Together, layer.Together(pair.A, pair.B), layer.Together(pair.B, pair.A)));
            });
            Assert.Equal(6.0 * sets.Count, pairs.Sum(pair => pair.Together));
            Assert.Equal(6.0 * sets.Count, pairs.Sum(pair => pair.Expected), 1e-3);
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void Near_ties_are_the_margins_within_the_router_s_budget(Precision precision)
    {
        using Transformer model = Load(precision);
        int[] ids = SmallModels.Ids(600, model.Config.VocabSize, 2);
        var statistics = new RoutingStatistics(model);
        Tracer.Run(model, ids, new() { Positions = [], Routing = statistics.Add }, Cancellation);
        Trace trace = Tracer.Record(model, ids, new() { Stages = StageFilter.Parse("*.router,*.experts") }, Cancellation);
        var all = new List<(double Budgets, int Layer, int Position, int Chosen, int RunnerUp)>();
        foreach (LayerRouting layer in statistics.Layers)
        {
            StageRows router = trace.Find(new(Stage.Router, layer.Layer))!;
            Assert.Equal(router.RootMeanSquare, layer.RouterRootMeanSquare, 1e-9);
            for (int position = 0; position < ids.Length; position++)
            {
                StageBudgets budgets = precision == Precision.Bfloat16 ? Budgets.Published.Bfloat16Blocks : Budgets.Published.Float32;
                double budget = budgets.Of(router.Key, position, model.Rotary, model.Config);
                int[] order = [.. Enumerable.Range(0, Experts).OrderByDescending(expert => router[position][expert])];
                double margin = (router[position][order[3]] - router[position][order[4]]) / router.RootMeanSquare;
                all.Add((margin / budget, layer.Layer, position, order[3], order[4]));
            }
            Assert.Equal(all.Count(choice => choice.Layer == layer.Layer && choice.Budgets < 1), layer.NearTies);
        }
        Assert.Equal(all.Count(choice => choice.Budgets < 1), statistics.NearTies);
        if (precision == Precision.Bfloat16)
            Assert.True(statistics.NearTies > 10);     // or nothing was tested
        (double Budgets, int Layer, int Position, int Chosen, int RunnerUp)[] closest = [.. all.OrderBy(choice => choice.Budgets).Take(5)];
        Assert.Equal(
            closest.Select(choice => Math.Round(choice.Budgets, 6)),
            statistics.Closest(5).Select(choice => Math.Round(choice.Budgets, 6)));
        if (precision == Precision.Float32)            // in bfloat16 many are equally close
        {
            Assert.Equal(closest.Select(choice => (choice.Layer, choice.Position, choice.Chosen, choice.RunnerUp, ids[choice.Position])),
                statistics.Closest(5).Select(choice => (choice.Layer, choice.Position, choice.Chosen, choice.RunnerUp, choice.Id)));
        }
    }

    [Fact]
    public void Without_a_token_nothing_is_claimed()
    {
        using Transformer model = Load();
        var statistics = new RoutingStatistics(model);
        Assert.Equal((0, 0L, 0L), (statistics.Tokens, statistics.Choices, statistics.NearTies));
        Assert.Empty(statistics.Closest(9));
        Assert.All(statistics.Layers, layer => Assert.Equal((Experts, 0.0, 0.0), (layer.Unused, layer.Share(1), layer.RouterRootMeanSquare)));
        Assert.All(statistics.Layers[0].Pairs(), pair => Assert.Equal((0, 0.0, 0.0), (pair.Together, pair.Expected, pair.Surprise)));
    }

    [Theory]
    [InlineData(10, 10.0, 0.0)]
    [InlineData(0, 8.0, -4.0)]                         // √(2·8): what is never seen where 8 were expected
    [InlineData(120, 50.0, 8.3723)]                    // √(2·(120·ln 2.4 − 70))
    [InlineData(1, 0.001, 3.4374)]                     // where (n − e)/√e would say 32
    public void Surprise_is_the_signed_root_of_the_deviance(int together, double expected, double surprise) =>
        Assert.Equal(surprise, new ExpertPair(0, 1, 2, together, expected).Surprise, 3e-3);
}
