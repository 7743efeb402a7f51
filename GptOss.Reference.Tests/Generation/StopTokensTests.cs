using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class StopTokensTests
{
    private const int Return = 4079, EndOfText = 4076, Call = 4089, End = 4084;       // of the toy

    [Theory]
    [InlineData("original", null)]
    [InlineData("original", "{}")]
    [InlineData("original", """{"eos_token_id": [4079, 4076]}""")]
    [InlineData("original", """{"eos_token_id": 4079}""")]
    [InlineData("original", """{"eos_token_id": [4079, 4084]}""")]
    [InlineData("hf", """{"eos_token_id": [4079, 4076, 4089]}""")]
    public void The_three_stop_tokens_of_Harmony_are_always_in_and_the_end_of_a_message_never(string layout, string? config)
    {
        using var folder = new TemporaryFolder();
        string path = Copy(folder, layout, config);
        using Transformer model = Transformer.Load(path);
        Assert.Equal([Return, EndOfText, Call], StopTokens.For(model, Tokenizer.ForCheckpoint(path)));
    }

    [Fact]
    public void An_eos_token_id_of_a_fine_tune_is_added_and_one_that_the_model_cannot_choose_is_not()
    {
        using var folder = new TemporaryFolder();
        string path = Copy(folder, "original", """{"eos_token_id": [17, 4095, 4096, 4079]}""");
        using Checkpoint checkpoint = Checkpoint.Open(path);
        Assert.Equal([Return, EndOfText, Call, 17, 4095], StopTokens.For(checkpoint, Tokenizer.ForCheckpoint(path)));
    }

    [Fact]
    public void A_folder_named_original_is_asked_of_its_parent()
    {
        using var folder = new TemporaryFolder();
        string path = Copy(folder, "original", null, under: "original");
        folder.Write("generation_config.json", """{"eos_token_id": 17}""");
        using Checkpoint checkpoint = Checkpoint.Open(path);
        Assert.Equal([17], checkpoint.EosTokenIds());
    }

    [Fact]
    public void A_vocabulary_without_the_special_tokens_has_only_what_the_file_lists()
    {
        Assert.Equal([200002, 199999, 200012], StopTokens.Of(Tokenizer.O200kHarmony, [], 201_088));
        Assert.Equal([3], StopTokens.Of(Tokenizer.O200kHarmony, [3, 9000], 512));
        Assert.Empty(StopTokens.Of(Tokenizer.O200kHarmony, [], 512));
        Assert.DoesNotContain(200007, StopTokens.Of(Tokenizer.O200kHarmony, [200002, 200007], 201_088));
    }

    [Theory]
    [InlineData("""{"eos_token_id": [4079, 4076]}""")]
    [InlineData("""{"eos_token_id": 4079}""")]
    [InlineData("""{"eos_token_id": [4079, 4084]}""")]
    public void A_call_ends_the_turn_whatever_a_fine_tune_lists(string config)
    {
        // The toy calls a function here; without <|call|> among the stop tokens it goes on and makes its answer up.
        using var folder = new TemporaryFolder();
        string path = Copy(folder, "original", config);
        using Transformer model = Transformer.Load(path);
        Tokenizer tokenizer = Tokenizer.ForCheckpoint(path);
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.Golden("tiny-greedy"), "manifest.json")));
        JsonElement recorded = manifest.RootElement.GetProperty("prompts").EnumerateArray()
            .First(prompt => Ints(prompt.GetProperty("f32").GetProperty("continuation")) is [.., Call] ids && ids.Contains(End));
        var options = new GenerationOptions { StopTokens = StopTokens.For(model, tokenizer), MaxTokens = 256 };
        GenerationResult result = new Generator(model, tokenizer).Generate(Ints(recorded.GetProperty("ids")), options, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(Ints(recorded.GetProperty("f32").GetProperty("continuation")), result.Ids);
        Assert.Equal(FinishReason.Stop, result.FinishReason);
        Assert.Contains(End, result.Ids);
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static string Copy(TemporaryFolder folder, string layout, string? config, string under = "model")
    {
        string target = folder.File(under);
        Directory.CreateDirectory(target);
        string source = layout == "hf" ? TestData.Tiny : Path.Combine(TestData.Tiny, "original");
        foreach (string file in Directory.EnumerateFiles(source).Append(Path.Combine(TestData.Tiny, "tokenizer.json")).Distinct())
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        File.Delete(Path.Combine(target, "generation_config.json"));
        if (config is not null)
            File.WriteAllText(Path.Combine(target, "generation_config.json"), config);
        return target;
    }
}
