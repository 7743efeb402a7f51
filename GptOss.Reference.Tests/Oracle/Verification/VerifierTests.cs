using System.Text.Json.Nodes;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Verification;

/// <summary>What a verdict hangs on besides the budgets: the hash, the checkpoint's shape, the margins of a continuation.</summary>
public class VerifierTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData('0', false)]
    [InlineData(null, true)]
    public void Other_bits_fail_even_within_the_budget(char? hash, bool passes)
    {
        using var folder = new TemporaryFolder();
        Copy("defects", folder);
        string expected =
            hash is { } digit ? new string(digit, 64) : GoldenPack.Open(TestData.Golden("defects")).ExpectedLogitsHash(Precision.Float32)!;
        folder.Write("logits_hashes.json", $$$"""{"defects":{"float32":"{{{expected}}}"}}""");
        PackReport report = Verifier.Verify(GoldenPack.Open(folder.File("defects")), new() { Threads = 1 }, Cancellation);
        PackSection section = Assert.Single(report.Sections);
        Assert.All(section.Stages, stage => Assert.True(stage.Passed));
        Assert.Equal((passes, !passes), (report.Passed, section.HashDiffers));
        Assert.Equal(expected, section.ExpectedLogitsHash);
    }

    [Fact]
    public void A_pack_of_another_checkpoint_is_refused()
    {
        CheckpointFormatException e = Assert.Throws<CheckpointFormatException>(() =>
            Verifier.Verify(GoldenPack.Open(TestData.Golden("defects")), new() { Model = TestData.Tiny, Threads = 1 }, Cancellation));
        Assert.Equal("tiny-gpt-oss: the checkpoint is not of the shape that defects was recorded with.", e.Message);
    }

    [Fact]
    public void A_precision_that_is_not_recorded_is_refused()
    {
        ArgumentException e = Assert.Throws<ArgumentException>(() =>
            Verifier.Verify(GoldenPack.Open(TestData.Golden("defects")), new() { Precision = Precision.Bfloat16 }, Cancellation));
        Assert.StartsWith("defects has no recording in bfloat16.", e.Message);
    }

    [Fact]
    public void Ids_that_the_checkpoint_has_not_got_are_refused()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a/manifest.json",
            """{"kind":"greedy","checkpoint":"a","stop":[],"prompts":[{"ids":[4096],"f32":{"continuation":[1],"margins":[1]}}]}""");
        CheckpointFormatException e = Assert.Throws<CheckpointFormatException>(() =>
            Verifier.Verify(GoldenPack.Open(folder.File("a")), new() { Model = TestData.Tiny, Threads = 1 }, Cancellation));
        Assert.Equal("manifest.json: ids hold 4096; the checkpoint has 4096 token ids.", e.Message);
    }

    [Theory]
    [InlineData(1e-5, true)]       // of logits whose root mean square is about five: far below the budget of 3e-5 of it
    [InlineData(1e-3, false)]
    public void A_continuation_may_leave_the_recording_at_a_small_margin_only(double margin, bool passes)
    {
        using var folder = new TemporaryFolder();
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(TestData.Golden("tiny-greedy"), "manifest.json")))!;
        JsonObject prompt = manifest["prompts"]![0]!.DeepClone().AsObject();
        prompt.Remove("bf16");
        prompt["f32"]!["continuation"]![3] = 7;
        prompt["f32"]!["margins"]![3] = margin;
        manifest["prompts"] = new JsonArray(prompt);
        folder.Write("a/manifest.json", manifest.ToJsonString());
        PackSection section = Assert.Single(
            Verifier.Verify(GoldenPack.Open(folder.File("a")), new() { Model = TestData.Tiny, Threads = 1 }, Cancellation).Sections);
        Assert.Equal(passes, section.Passed);
        Assert.StartsWith("prompt 0, step 3: ", Assert.Single(section.Notes));
        Assert.Equal(4, Assert.Single(section.Stages).Rows);
    }

    [Fact]
    public void Greedy_answers_of_the_fast_profile_are_compared_with_those_of_float32_where_it_is_asked_for()
    {
        var pack = GoldenPack.Open(TestData.Golden("tiny-greedy"));
        Assert.Equal((false, true), (pack.Has(Precision.Fast), pack.Judges(Precision.Fast)));
        PackSection section = Assert.Single(
            Verifier.Verify(pack, new() { Precision = Precision.Fast, Model = TestData.Tiny }, Cancellation).Sections);
        Assert.Equal((Precision.Fast, true, 66), (section.Precision, section.Passed, section.Stages.Count));
        Assert.Equal(65, section.Stages.Count(stage => stage.Error == 0));
        Assert.False(GoldenPack.Open(TestData.Golden("tiny-trace")).Judges(Precision.Fast));
    }

    [Fact]
    public void A_recording_that_goes_on_after_a_stop_token_fails()
    {
        using var folder = new TemporaryFolder();
        JsonNode manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(TestData.Golden("tiny-greedy"), "manifest.json")))!;
        manifest["prompts"] = new JsonArray(manifest["prompts"]![0]!.DeepClone());
        manifest["stop"] = new JsonArray((int)manifest["prompts"]![0]!["f32"]!["continuation"]![0]!);
        folder.Write("a/manifest.json", manifest.ToJsonString());
        Assert.False(Verifier.Verify(GoldenPack.Open(folder.File("a")), new() { Model = TestData.Tiny, Threads = 1 }, Cancellation).Passed);
    }

    [Fact]
    public void The_checkpoint_that_was_made_is_gone_afterwards()
    {
        using var folder = new TemporaryFolder();
        Verifier.Verify(GoldenPack.Open(TestData.Golden("defects")), new() { ScratchFolder = folder.Path, Threads = 1 }, Cancellation);
        Assert.Empty(folder.Names());
    }

    [Fact]
    public void Blocks_from_recorded_rows_have_the_bits_of_the_whole_pass()
    {
        var pack = GoldenPack.Open(TestData.Golden("tiny-trace"));
        using var model = Transformer.Load(TestData.Tiny, new() { Precision = Precision.Bfloat16, Threads = 2 });
        Trace whole = Tracer.Record(model, pack.Ids.ToArray(), cancellation: Cancellation);
        PackSection section = new StageByStage(pack, model, whole).Run(whole.Find(new(Stage.Embedding, -1))!);
        Assert.Equal(whole.Stages.Count, section.Stages.Count);
        Assert.All(section.Stages, stage => Assert.True(stage is { Error: 0, EqualBits: null or 1 }, stage.Name));
    }

    private static void Copy(string pack, TemporaryFolder folder)
    {
        foreach (string file in Directory.EnumerateFiles(TestData.Golden(pack)))
            folder.Write($"{pack}/{Path.GetFileName(file)}", File.ReadAllBytes(file));
    }
}
