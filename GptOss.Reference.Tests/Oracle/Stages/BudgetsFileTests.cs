using System.Buffers;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Stages;

/// <summary>
/// Budgets as a file: the published numbers survive it exactly, a file states only what it changes, and each mistake in it is one sentence.
/// </summary>
public sealed class BudgetsFileTests : IDisposable
{
    private static readonly GptOssConfig Config = PublishedShapes.Gpt20b;

    private static readonly RotaryTable Rotary =
        new(Config.HeadDim, Config.RopeTheta, Config.RopeScalingFactor, Config.InitialContextLength, Config.RopeNtkAlpha, Config.RopeNtkBeta);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_published_budgets_survive_their_file_exactly()
    {
        string text = Written(Budgets.Published);
        Budgets read = Read(text);
        foreach (StageKey key in StageKey.All(Config).Where(key => !key.IsExperts))
        {
            foreach (int position in (ReadOnlySpan<int>)[0, 1, 4096, 131_071])
            {
                Assert.Equal(Of(Budgets.Published.Float32, key, position), Of(read.Float32, key, position));
                Assert.Equal(Of(Budgets.Published.Bfloat16Blocks, key, position), Of(read.Bfloat16Blocks, key, position));
                Assert.Equal(Of(Budgets.Published.Fast, key, position), Of(read.Fast, key, position));
            }
        }
        Assert.Equal(Budgets.Published.Bfloat16.Stages, read.Bfloat16.Stages);
        Assert.Equal(0.995, read.Bfloat16Blocks.EqualBits);
        Assert.Null(read.Float32.EqualBits);
        Assert.Equal(text, Written(read));
        Assert.Equal(text, Written(Read("{}")));
    }

    [Fact]
    public void The_budget_is_b_and_r_ulps_of_the_angle_grown_by_layer()
    {
        StageBudgets budgets = Read(
            """{"float32": {"g": 1.5, "stages": {"attn.q": {"b": 3, "r": 7}, "attn.qkv": {"b": 3, "r": 7}, "logits": {"b": 0.5}}}}""").Float32;
        Assert.Equal(3, Of(budgets, new(Stage.Query, 0), 0));
        // floats from 4096 to 8191 lie 2^-11 apart
        Assert.Equal((3 + 7 * Math.Pow(2, -11)) * 1.5 * 1.5, Of(budgets, new(Stage.Query, 2), 4097), 1e-12);
        Assert.Equal(3, Of(budgets, new(Stage.Qkv, 0), 4097));                                                    // nothing has been rotated yet
        Assert.Equal((3 + 7 * Math.Pow(2, -11)) * 1.5, Of(budgets, new(Stage.Qkv, 1), 4097), 1e-12);
        Assert.Equal(0.5 * Math.Pow(1.5, 24), Of(budgets, new(Stage.Logits, -1), 4097), 1e-9);                    // a layer more than the last, 23
    }

    [Fact]
    public void What_a_file_does_not_state_is_as_published()
    {
        Budgets read = Read("""{"float32": {"stages": {"logits": {"b": 0.25}}}, "bfloat16": {"stages": {"mlp.residual": {"b": 0.1}}}}""");
        Assert.Equal(new(0.25), read.Float32.Stages[Stage.Logits]);
        Assert.Equal(Budgets.Published.Float32.Stages[Stage.Query], read.Float32.Stages[Stage.Query]);
        Assert.Equal(Budgets.Published.Float32.Growth, read.Float32.Growth);
        Assert.Equal([Stage.MlpResidual, Stage.Logits], read.Bfloat16.Stages.Keys.Order());
        Assert.Same(Budgets.Published.Bfloat16Blocks, read.Bfloat16Blocks);
    }

    [Fact]
    public void No_growth_makes_a_budget_infinite()
    {
        StageBudgets budgets = Read("""{"float32": {"g": 2, "stages": {"embedding": {"b": 0}, "logits": {"b": 1}}}}""").Float32;
        Assert.True(double.IsFinite(budgets.Of(new(Stage.Logits, -1), 1, Rotary, Config with { NumHiddenLayers = 100_000 })));
        Assert.Equal(0, budgets.Of(new(Stage.Embedding, -1), 1, Rotary, Config));
    }

    [Theory]
    [InlineData("""{"float16":{}}""", "'float16' is not a budget; expected float32, bfloat16, bfloat16_blocks or fast.")]
    [InlineData("""{"float32":7}""", "float32 is 7; expected an object.")]
    [InlineData("""{"float32":{"growth":1}}""", "'growth' is not a member of float32; expected g, equal_bits or stages.")]
    [InlineData("""{"float32":{"g":0.5}}""", "float32.g is 0.5; expected a number from 1 to 2.")]
    [InlineData("""{"float32":{"g":1e999}}""", "float32.g is 1e999; expected a number from 1 to 2.")]
    [InlineData("""{"bfloat16_blocks":{"equal_bits":1.5}}""", "bfloat16_blocks.equal_bits is 1.5; expected a number from 0 to 1.")]
    [InlineData("""{"float32":{"stages":[]}}""", "float32.stages is a list; expected an object.")]
    [InlineData("""{"float32":{"stages":{"block.0.attn.q":{"b":1}}}}""",
        "'block.0.attn.q' in float32.stages is not a kind of stage; expected names such as attn.q, mlp.swiglu or logits.")]
    [InlineData("""{"float32":{"stages":{"mlp.experts":{"b":1}}}}""",
        "'mlp.experts' in float32.stages is not a kind of stage; expected names such as attn.q, mlp.swiglu or logits.")]
    [InlineData("""{"float32":{"stages":{"attn.q":1}}}""", "float32.stages.attn.q is 1; expected an object.")]
    [InlineData("""{"float32":{"stages":{"attn.q":{"r":1}}}}""", "float32.stages.attn.q.b is missing.")]
    [InlineData("""{"float32":{"stages":{"attn.q":{"b":-1}}}}""", "float32.stages.attn.q.b is -1; expected a number from 0 to 1000000.")]
    [InlineData("""{"float32":{"stages":{"attn.q":{"b":1,"s":1}}}}""", "'s' is not a member of float32.stages.attn.q; expected b or r.")]
    [InlineData("[]", "the document is a list; expected an object.")]
    public void A_mistake_in_a_file_is_one_sentence(string json, string sentence) =>
        Assert.Equal($"budget.json: {sentence}", Assert.Throws<CheckpointFormatException>(() => Read(json)).Message);

    [Fact]
    public void A_file_that_is_not_there_is_one_sentence() =>
        Assert.StartsWith("none.json: no such file", Assert.Throws<CheckpointFormatException>(() => Budgets.Read(_folder.File("none.json"))).Message,
            StringComparison.Ordinal);

    private Budgets Read(string json) => Budgets.Read(_folder.Write("budget.json", json));

    private static double Of(StageBudgets budgets, StageKey key, int position) => budgets.Of(key, position, Rotary, Config);

    private static string Written(Budgets budgets)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes))
            BudgetsJson.Write(json, budgets);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
