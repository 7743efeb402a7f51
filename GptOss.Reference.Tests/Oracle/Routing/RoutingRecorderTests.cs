using System.Text.Json;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Routing;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Routing;

/// <summary>What is recorded of routing is what the published reference recorded, and what follows from its router logits by hand.</summary>
public class RoutingRecorderTests(SmallModels models) : IClassFixture<SmallModels>
{
    [Theory]
    [InlineData("tiny-trace")]
    [InlineData("shape-base")]
    [InlineData("shape-one-key-value-head-all-experts")]
    public void Choices_weights_and_margins_are_those_of_the_golden_pack(string name)
    {
        GoldenPack pack = GoldenPack.Open(TestData.Golden(name));
        using Transformer model = SmallModels.Load(pack.Seed is { } seed ? models.Write(pack.ConfigJson!, seed) : TestData.Tiny);
        Trace golden = pack.ReadTrace(Precision.Float32, model.Config);
        List<RecordedRouting> tokens = RecordedRouting.Of(model, [.. pack.Ids], out string hash, new() { Positions = pack.Positions });
        Assert.Equal(pack.ExpectedLogitsHash(Precision.Float32), hash);
        Assert.Equal(pack.Ids, tokens.Select(token => token.Id));
        Assert.Equal(Enumerable.Range(0, pack.Ids.Count), tokens.Select(token => token.Position));
        for (int layer = 0; layer < model.Config.NumHiddenLayers; layer++)
        {
            for (int row = 0; row < pack.Positions.Count; row++)
            {
                RecordedRouting token = tokens[pack.Positions[row]];
                ReadOnlySpan<float> weights = golden.Find(new(Stage.ExpertWeights, layer))![row], router = golden.Find(new(Stage.Router, layer))![row];
                Assert.Equal(golden.Find(new(Stage.Experts, layer))!.Experts(row), token.Experts[layer]);
                for (int i = 0; i < weights.Length; i++)
                    Assert.Equal(weights[i], token.Weights[layer][i], 1e-4);

                float[] best = [.. router.ToArray().OrderDescending()];
                int k = model.Config.ExpertsPerToken;
                if (best.Length == k)
                {
                    Assert.True(float.IsNaN(token.Margins[layer]));
                    Assert.Equal(-1, token.RunnersUp[layer]);
                    continue;
                }
                Assert.Equal(best[k - 1] - best[k], token.Margins[layer], 1e-3 * best[0]);
                Assert.Equal(router.IndexOf(best[k]), token.RunnersUp[layer]);
            }
        }
    }

    [Fact]
    public void Tokens_come_in_order_whatever_the_chunks()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] ids = SmallModels.Ids(1100, 64, 3);
        List<RecordedRouting> tokens = RecordedRouting.Of(model, ids, out _, new() { Positions = [0, 700] });
        Assert.Equal(Enumerable.Range(0, ids.Length), tokens.Select(token => token.Position));
        Assert.Equal(ids, tokens.Select(token => token.Id));
    }

    [Fact]
    public void Recording_changes_no_bit_and_goes_along_with_a_trace()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] ids = SmallModels.Ids(20, 64, 4);
        int seen = 0;
        string alone = TraceFile.Write(model, ids, folder.File("a"), cancellation: TestContext.Current.CancellationToken);
        string both = TraceFile.Write(model, ids, folder.File("b"), new() { Routing = _ => seen++ }, TestContext.Current.CancellationToken);
        Assert.Equal((alone, ids.Length), (both, seen));
        Assert.Equal(File.ReadAllBytes(folder.File("a/stages.safetensors")), File.ReadAllBytes(folder.File("b/stages.safetensors")));
    }

    [Fact]
    public void Lines_have_documented_members_and_the_same_numbers()
    {
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest, 1));
        int[] ids = SmallModels.Ids(5, 64, 5);
        using var stream = new MemoryStream();
        var writer = new RoutingWriter(stream);
        Tracer.Run(model, ids, new() { Positions = [], Routing = writer.Add }, TestContext.Current.CancellationToken);
        writer.Flush();
        string[] lines = System.Text.Encoding.UTF8.GetString(stream.ToArray()).Split('\n');
        List<RecordedRouting> tokens = RecordedRouting.Of(model, ids, out _);
        Assert.Equal((ids.Length + 1, ""), (lines.Length, lines[^1]));
        for (int position = 0; position < ids.Length; position++)
        {
            using JsonDocument line = JsonDocument.Parse(lines[position]);
            Assert.Equal(["position", "id", "experts", "weights", "margins", "next"], line.RootElement.EnumerateObject().Select(member => member.Name));
            RecordedRouting token = tokens[position];
            Assert.Equal((position, ids[position]), (Int("position"), Int("id")));
            Assert.Equal(token.Experts, line.RootElement.GetProperty("experts").EnumerateArray().Select(list => list.EnumerateArray().Select(e => e.GetInt32()).ToArray()));
            Assert.Equal(token.Weights, line.RootElement.GetProperty("weights").EnumerateArray().Select(list => list.EnumerateArray().Select(e => e.GetSingle()).ToArray()));
            Assert.Equal(token.Margins, line.RootElement.GetProperty("margins").EnumerateArray().Select(margin => margin.GetSingle()));
            Assert.Equal(token.RunnersUp, line.RootElement.GetProperty("next").EnumerateArray().Select(next => next.GetInt32()));

            int Int(string name) => line.RootElement.GetProperty(name).GetInt32();
        }
    }

    [Fact]
    public void Where_every_expert_is_chosen_there_is_no_margin()
    {
        using var stream = new MemoryStream();
        using Transformer model = SmallModels.Load(models.Write(SmallModels.Smallest.Replace("\"experts_per_token\": 2", "\"experts_per_token\": 4", StringComparison.Ordinal), 1));
        var writer = new RoutingWriter(stream);
        Tracer.Run(model, new int[] { 1 }, new() { Positions = [], Routing = writer.Add }, TestContext.Current.CancellationToken);
        writer.Flush();
        Assert.EndsWith("\"margins\":[null,null],\"next\":[null,null]}\n", System.Text.Encoding.UTF8.GetString(stream.ToArray()), StringComparison.Ordinal);
    }
}
