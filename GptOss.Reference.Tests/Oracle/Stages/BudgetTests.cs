using System.Text.Json.Nodes;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Stages;

/// <summary>A budget that nothing leaves says nothing: small mistakes leave it, and each where it is made.</summary>
public class BudgetTests
{
    [Theory]
    [InlineData("shape-base", "sliding_window", 15, "block.0.attn.heads")]
    [InlineData("shape-base", "sliding_window", 17, "block.0.attn.heads")]
    [InlineData("shape-base", "rms_norm_eps", 1e-6, "block.0.attn.norm")]
    [InlineData("shape-base", "rope_theta", 149000.0, "block.0.attn.q")]
    [InlineData("shape-base", "rope_ntk_alpha", 1.01, "block.0.attn.q")]
    [InlineData("shape-base", "rope_ntk_beta", 31.0, "block.0.attn.q")]
    [InlineData("shape-base", "rope_scaling_factor", 1.0, "block.0.attn.q")]
    [InlineData("shape-base", "initial_context_length", 4095, "block.0.attn.q")]
    [InlineData("shape-base", "swiglu_alpha", 1.703125, "block.0.mlp.swiglu")]
    [InlineData("shape-clamped", "swiglu_limit", 0.501, "block.0.mlp.swiglu")]
    [InlineData("shape-long", "rope_ntk_beta", 31.0, "block.0.attn.q")]
    [InlineData("tiny-lengths", "sliding_window", 127, "length-128")]
    public void A_wrong_number_leaves_the_budget_where_it_is_used(string name, string key, double value, string stage)
    {
        using var folder = new TemporaryFolder();
        GoldenPack pack = GoldenPack.Open(TestData.Golden(name));
        string source = Path.Combine(TestData.Tiny, "original");
        JsonObject config = JsonNode.Parse(pack.ConfigJson ?? File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        config[key] = value == Math.Floor(value) ? JsonValue.Create((int)value) : JsonValue.Create(value);
        if (pack.Seed is { } seed)
        {
            SyntheticCheckpoint.Write(folder.Path, config.ToJsonString(), seed, cancellation: TestContext.Current.CancellationToken);
        }
        else
        {
            File.Copy(Path.Combine(source, "model.safetensors"), folder.File("model.safetensors"));
            folder.Write("config.json", config.ToJsonString());
        }
        Assert.Equal(stage, FirstFailure(pack, folder.Path));
    }

    [Theory]
    [InlineData(0xFF80)]       // −∞: as if there were no sink
    [InlineData(0x0000)]       // 0: a sink that was never read
    public void A_wrong_sink_leaves_the_budget_in_the_heads(ushort bits)
    {
        using var folder = new TemporaryFolder();
        GoldenPack pack = GoldenPack.Open(TestData.Golden("shape-base"));
        SyntheticCheckpoint.Write(folder.Path, pack.ConfigJson!, pack.Seed!.Value, cancellation: TestContext.Current.CancellationToken);
        string model = folder.File("model.safetensors");
        TensorInfo sinks;
        long dataStart;
        using (SafeTensorsFile file = SafeTensorsFile.Open(model))
        {
            Assert.True(file.TryGet("block.0.attn.sinks", out sinks));
            dataStart = file.FileBytes - file.Tensors[^1].End;
        }
        using (FileStream stream = File.OpenWrite(model))
        {
            stream.Position = dataStart + sinks.Begin;
            for (long i = 0; i < sinks.ByteCount; i += 2)
                stream.Write([(byte)bits, (byte)(bits >> 8)]);
        }
        Assert.Equal("block.0.attn.heads", FirstFailure(pack, folder.Path));
    }

    public static TheoryData<string> Mistakes => [.. GoldenPack.Open(TestData.Golden("defects")).Defects];

    [Theory, MemberData(nameof(Mistakes))]
    public void Every_recorded_mistake_leaves_the_budget_of_the_logits(string mistake)
    {
        GoldenPack pack = GoldenPack.Open(TestData.Golden("defects"));
        GptOssConfig config = ConfigReader.Parse(pack.ConfigJson!, "manifest.json");
        var rotary = new RotaryTable(config.HeadDim, config.RopeTheta, config.RopeScalingFactor, config.InitialContextLength, config.RopeNtkAlpha, config.RopeNtkBeta);
        float[] sound = pack.ReadDefect("sound", config), wrong = pack.ReadDefect(mistake, config);
        StageReport report = StageComparison.Values(mistake, sound, wrong, config.VocabSize,
            row => Budgets.Published.Float32.Of(new(Stage.Logits, -1), pack.Positions[row], rotary, config));
        Assert.False(report.Passed, $"{mistake}: {report.Error:e2}, allowed {report.Allowed:e2}");
    }

    [Fact]
    public void A_nan_leaves_every_budget()
    {
        StageReport report = StageComparison.Values("a", [1, 1], [1, float.NaN], 1, _ => 1e9);
        Assert.False(report.Passed);
        Assert.Equal(double.PositiveInfinity, report.Error);
        Assert.False(StageComparison.Values("a", [float.NaN, 1], [float.NaN, 1], 1, _ => 1e9).Passed);
    }

    [Fact]
    public void Too_few_equal_bits_fail_within_the_budget()
    {
        float[] recorded = [.. Enumerable.Repeat(1f, 100)], found = [.. recorded];
        found[7] = 1.0078125f;
        Assert.False(StageComparison.Values("a", recorded, found, 10, _ => 0.1, leastEqual: 0.995).Passed);
        Assert.True(StageComparison.Values("a", recorded, found, 10, _ => 0.1, leastEqual: 0.99).Passed);
    }

    [Theory]
    [InlineData(0.5f, true)]
    [InlineData(0.3f, false)]
    public void Experts_may_differ_at_a_margin_below_the_budget_only(float second, bool passes)
    {
        StageKey key = new(Stage.Experts, 0), routerKey = new(Stage.Router, 0);
        StageRows recorded = new(key, 2, 1), found = new(key, 2, 1), router = new(routerKey, 2, 2);
        new[] { 0, 0 }.CopyTo(recorded.ExpertNumbers, 0);
        new[] { 0, 1 }.CopyTo(found.ExpertNumbers, 0);
        new[] { 1f, 0f, 0.5001f, second }.CopyTo(router.Values, 0);
        var skipped = new HashSet<int>();
        StageReport report = StageComparison.Experts(recorded, found, router, _ => 1e-3, skipped);
        Assert.Equal(passes, report.Passed);
        Assert.Equal([1], skipped);
    }

    private static string? FirstFailure(GoldenPack pack, string model)
    {
        using Transformer transformer = Transformer.Load(model);
        PackSection section = Assert.Single(Verifier.Sections(pack, transformer, TestContext.Current.CancellationToken));
        return section.FirstFailure?.Name;
    }
}
