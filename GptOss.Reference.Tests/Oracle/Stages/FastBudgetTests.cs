using System.Text.Json.Nodes;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Diff;
using GptOss.Reference.Oracle.Dumps;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Stages;

/// <summary>The fast profile keeps to its budgets beside float32, and a mistake does not.</summary>
public class FastBudgetTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static readonly int[] Ids = [.. GoldenPack.Open(TestData.Golden("tiny-lengths")).Ids.Take(150)];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_fast_run_of_the_trained_model_is_within_its_budgets(bool roundDense)
    {
        TraceDifference difference = Compare(TestData.Tiny, TestData.Tiny, roundDense);
        Assert.Equal(Precision.Fast, difference.Precision);
        Assert.True(difference.IsWithinBudget, difference.FirstOverBudget?.ToString());
        Assert.NotNull(difference.FirstDifference);
    }

    /// <summary>Experts with their codes and scales side by side, dense weights in Q8_0.</summary>
    [Fact]
    public void A_file_of_8_bit_weights_is_within_them_too()
    {
        string file = Path.Combine(TestData.Root, "gguf", "models", "tiny-gpt-oss-mxfp4.gguf");
        TraceDifference difference = Compare(file, file, roundDense: false);
        Assert.True(difference.IsWithinBudget, difference.FirstOverBudget?.ToString());
        StageDifference qkv = difference.Stages.Single(stage => stage.Stage == "block.0.attn.qkv");
        Assert.NotNull(qkv.FirstDifference);                        // so the products with Q8_0 were those of the profile
    }

    [Theory]
    [InlineData("sliding_window", 64, "block.0.attn.heads")]
    [InlineData("rope_theta", 10_000, "block.0.attn.q")]
    [InlineData("swiglu_limit", 0.5, "block.0.mlp.swiglu")]
    [InlineData("rms_norm_eps", 1.0, "block.0.attn.norm")]
    public void A_wrong_number_leaves_them(string key, double value, string stage)
    {
        using var folder = new TemporaryFolder();
        string source = Path.Combine(TestData.Tiny, "original");
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        config[key] = value == Math.Floor(value) && key != "rms_norm_eps" ? JsonValue.Create((int)value) : JsonValue.Create(value);
        File.Copy(Path.Combine(source, "model.safetensors"), folder.File("model.safetensors"));
        folder.Write("config.json", config.ToJsonString());
        Assert.Equal(stage, Compare(TestData.Tiny, folder.Path, false).FirstOverBudget?.Stage);
    }

    private static TraceDifference Compare(string reference, string candidate, bool roundDense)
    {
        using var sound = Transformer.Load(reference);
        using var fast = Transformer.Load(candidate, new() { Precision = Precision.Fast, RoundDense = roundDense });
        using Dump expected = Traced(sound), other = Traced(fast);
        return TraceDiff.Compare(expected, other, new() { Precision = Precision.Fast, Config = sound.Config }, Cancellation);
    }

    private static Dump Traced(Transformer model) => Dump.Of(Tracer.Record(model, Ids, cancellation: Cancellation), Ids, model.Config);
}
