using System.Text.Json;
using GptOss.Cli;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Oracle.Diff;
using GptOss.Reference.Tests.Oracle.Dumps;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Diff;

public sealed class DiffCommandTests(SmallTrace trace) : IClassFixture<SmallTrace>
{
    [Fact]
    public void A_trace_with_itself_is_identical()
    {
        Answer answer = CommandLine.Run("diff", trace.Folder, trace.Folder, "--exact");
        Assert.Equal((ExitCodes.Ok, "Identical, bit for bit."), (answer.Code, answer.Out.TrimEnd('\n').Split('\n')[^1]));
        Assert.Empty(answer.Error);
    }

    [Fact]
    public void A_fast_trace_is_held_to_the_budgets_of_its_profile()
    {
        using var folder = new TemporaryFolder();
        string exact = Path.Combine(folder.Path, "exact"), fast = Path.Combine(folder.Path, "fast");
        foreach ((string profile, string path) in (ReadOnlySpan<(string, string)>)[("float32", exact), ("fast", fast)])
            Assert.Equal(ExitCodes.Ok, CommandLine.Run("trace", "2 + 2?", "--model", TestData.Tiny, "--profile", profile, "--out", path).Code);
        Answer answer = CommandLine.Run("diff", exact, fast, "--json");
        Assert.Equal((ExitCodes.Ok, "fast"), (answer.Code, answer.Json.GetProperty("profile").GetString()));
        Assert.Equal(ExitCodes.Differs, CommandLine.Run("diff", exact, fast, "--profile", "float32").Code);
        Assert.Equal(ExitCodes.Ok, CommandLine.Run("verify", "--pack", fast, "--model", TestData.Tiny).Code);
    }

    [Fact]
    public void Json_has_the_members_that_programs_rely_on()
    {
        string changed = trace.Changed("block.1.attn.q", values => values[3 * 64 + 40] += 1);
        Answer answer = CommandLine.Run("diff", trace.Folder, changed, "--json");
        Assert.Equal(ExitCodes.Differs, answer.Code);
        JsonElement json = answer.Json;
        Assert.False(json.GetProperty("identical").GetBoolean());
        foreach (string name in (string[])["first_difference", "first_over_budget"])
        {
            JsonElement place = json.GetProperty(name);
            Assert.Equal(("block.1.attn.q", 3, "[1,8]"),
                (place.GetProperty("stage").GetString(), place.GetProperty("position").GetInt32(), place.GetProperty("index").GetRawText()));
        }
        Assert.Equal(27, json.GetProperty("stages").GetArrayLength());
        foreach (JsonElement stage in json.GetProperty("stages").EnumerateArray())
        {
            Assert.True(stage.GetProperty("max").GetDouble() >= 0 && stage.GetProperty("rms").GetDouble() >= 0
                && stage.GetProperty("relative").GetDouble() >= 0);
            Assert.Equal(JsonValueKind.Object, stage.GetProperty("ulp").ValueKind);
            Assert.Equal(stage.GetProperty("stage").GetString() == "block.1.attn.q", stage.GetProperty("over_budget").GetBoolean());
        }
        Assert.Equal(0, json.GetProperty("not_compared").GetArrayLength());

        JsonElement same = CommandLine.Run("diff", trace.Folder, trace.Folder, "--json").Json;
        Assert.True(same.GetProperty("identical").GetBoolean());
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null),
            (same.GetProperty("first_difference").ValueKind, same.GetProperty("first_over_budget").ValueKind));
        JsonElement part = CommandLine.Run("diff", trace.Folder, trace.SomePositions, "--stages", "logits", "--json").Json;
        Assert.Equal(["positions"], part.GetProperty("not_compared").EnumerateArray().Select(name => name.GetString()));
    }

    [Fact]
    public void NaN_is_null_in_json_and_over_budget()
    {
        JsonElement json = CommandLine.Run("diff", trace.Folder, trace.Changed("norm", values => values[0] = float.NaN), "--json").Json;
        JsonElement stage = json.GetProperty("stages").EnumerateArray().First(stage => stage.GetProperty("stage").GetString() == "norm");
        Assert.Equal(JsonValueKind.Null, stage.GetProperty("max").ValueKind);
        Assert.Equal("norm", json.GetProperty("first_over_budget").GetProperty("stage").GetString());
    }

    [Fact]
    public void Exit_codes_tell_within_budget_from_the_same_bits()
    {
        string changed = trace.Changed("logits", values => values[5] = MathF.BitIncrement(values[5]));
        Assert.Equal(ExitCodes.Ok, CommandLine.Run("diff", trace.Folder, changed).Code);
        Assert.Equal(ExitCodes.Differs, CommandLine.Run("diff", trace.Folder, changed, "--exact").Code);
        string zero = trace.Write("zero.json", """{"float32": {"stages": {"logits": {"b": 0}}}}""");
        Answer answer = CommandLine.Run("diff", trace.Folder, changed, "--budget", zero);
        Assert.Equal(ExitCodes.Differs, answer.Code);
        Assert.Contains("DIFFERENT: logits is the first stage over the float32 budget, first at position 0.", answer.Out, StringComparison.Ordinal);
        Assert.Contains("token 5", answer.Out, StringComparison.Ordinal);
        Assert.Contains("OVER, first at position 0", answer.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Different_prompts_are_said_first_and_no_stage_is_blamed()
    {
        string manifest = File.ReadAllText(Path.Combine(trace.Folder, "manifest.json"))
            .Replace("[5,77,400,3,", "[5,77,400,4,", StringComparison.Ordinal);
        string other = trace.Copy(trace.ChangedStages("logits", values => Array.Clear(values, 3 * 512, 3 * 512)), manifest);
        Answer answer = CommandLine.Run("diff", trace.Folder, other);
        Assert.Equal(ExitCodes.Differs, answer.Code);
        string[] lines = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Equal("DIFFERENT PROMPTS: at position 3 A has token 3 and B token 4, so only the positions before it are compared.", lines[0]);
        Assert.Equal("Before position 3: Within the float32 budget, and what was compared is the same, bit for bit.", lines[^1]);
        JsonElement json = CommandLine.Run("diff", trace.Folder, other, "--json").Json;
        Assert.Equal((3, 3, 4), (json.GetProperty("different_prompts").GetProperty("position").GetInt32(), json.GetProperty("different_prompts")
            .GetProperty("a").GetInt32(),
            json.GetProperty("different_prompts").GetProperty("b").GetInt32()));
        Assert.Equal(JsonValueKind.Null, json.GetProperty("first_over_budget").ValueKind);
    }

    [Fact]
    public void Another_form_is_said_and_may_be_forced()
    {
        float[] logits = trace.Values("logits");
        float[] normalised = [.. logits.Chunk(512).SelectMany(row => row.Select(x => (float)(x - Math.Log(row.Sum(y => Math.Exp(y))))))];
        string dump = trace.Write("normalised.npy", DumpFiles.Npy(normalised, 6, 512));
        Answer answer = CommandLine.Run("diff", trace.Folder, dump);
        Assert.Equal(ExitCodes.Ok, answer.Code);
        Assert.StartsWith("Reading: In B, logits are log-probabilities (ln softmax).\n\n", answer.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Differs, CommandLine.Run("diff", trace.Folder, dump, "--as", "logits").Code);
        Assert.Equal("In B, logits are log-probabilities (ln softmax).",
            Assert.Single(CommandLine.Run("diff", trace.Folder, dump, "--as", "logprobs", "--json").Json.GetProperty("readings").EnumerateArray())
                .GetString());
    }

    [Fact]
    public void Lists_and_choices_are_compared_and_maps_read()
    {
        float[] logits = trace.Values("logits");
        int[] largest = [.. Enumerable.Range(0, 6).Select(row => Enumerable.Range(0, 512).MaxBy(id => logits[row * 512 + id]))];
        string chosen = trace.Write("chosen.json", JsonSerializer.Serialize(largest)),
            list = trace.Write("list.json", $$"""[null, {"{{largest[1]}}": -9}, null, null, null, null]""");
        Assert.Equal(ExitCodes.Ok, CommandLine.Run("diff", trace.Folder, "--chosen", chosen).Code);
        Answer answer = CommandLine.Run("diff", trace.Folder, "--logprobs", list);
        Assert.Equal(ExitCodes.Differs, answer.Code);
        Assert.Contains("logprobs is the first stage over the float32 budget, first at position 1.", answer.Out, StringComparison.Ordinal);
        DumpFiles.SafeTensors(trace.Write("mine.safetensors", ""), ("a", DType.F32, [6, 512], DumpFiles.Bytes<float>(logits)),
            ("b", DType.F32, [1], new byte[4]));
        string mine = Path.Combine(Path.GetDirectoryName(chosen)!, "mine.safetensors");
        Assert.Equal(ExitCodes.Differs, CommandLine.Run("diff", trace.Folder, mine).Code);
        Assert.Equal(ExitCodes.Ok, CommandLine.Run("diff", trace.Folder, mine, "--map", trace.Write("map.json", """{"logits": "a"}""")).Code);
    }

    [Fact]
    public void The_toy_s_packs_know_its_shape_and_a_checkpoint_can_be_named()
    {
        string tiny = TestData.Golden("tiny-trace");
        Answer answer = CommandLine.Run("diff", tiny, Path.Combine(tiny, "stages.bf16.safetensors"));
        Assert.Equal(ExitCodes.Ok, answer.Code);
        Assert.Contains("Within the bfloat16 budget", answer.Out, StringComparison.Ordinal);
        string logits = trace.Write("logits.npy", DumpFiles.Npy(trace.Values("logits"), 6, 512));
        Assert.Contains("budgets are those of 24 layers", CommandLine.Run("diff", logits, logits).Error, StringComparison.Ordinal);
        Assert.Empty(CommandLine.Run("diff", logits, logits, "--model", trace.Model).Error);
    }

    [Theory]
    [InlineData(ExitCodes.WrongUsage, "Give the reference A and one thing to compare with it: B, --logprobs or --chosen.", "{trace}")]
    [InlineData(ExitCodes.WrongUsage, "Give the reference A and one thing to compare with it: B, --logprobs or --chosen.", "{trace}", "{trace}",
        "--chosen", "x")]
    [InlineData(ExitCodes.WrongUsage, "--as is 'softmax'; expected logits, logprobs or probabilities.", "{trace}", "{trace}", "--as", "softmax")]
    [InlineData(ExitCodes.WrongUsage, "--as says what the logits of B are; --logprobs and --chosen say it themselves.", "{trace}", "--chosen", "x",
        "--as", "logits")]
    [InlineData(ExitCodes.WrongUsage, "--positions holds 'x'; expected positions such as 0,5,9, or last.", "{trace}", "{trace}", "--positions", "x")]
    [InlineData(ExitCodes.WrongUsage, "'a,,b' holds an empty stage name; give names such as block.0.*,*.residual,logits.", "{trace}", "{trace}",
        "--stages", "a,,b")]
    [InlineData(ExitCodes.BadInput, "none.npy: no such file at none.npy.", "{trace}", "none.npy")]
    [InlineData(ExitCodes.BadInput, "none.json: no such file at none.json.", "{trace}", "{trace}", "--map", "none.json")]
    [InlineData(ExitCodes.BadInput, "none.json: no such file at none.json.", "{trace}", "{trace}", "--budget", "none.json")]
    [InlineData(ExitCodes.BadInput, "none.json: no such file at none.json.", "{trace}", "--logprobs", "none.json")]
    [InlineData(ExitCodes.BadInput, "none.json: no such file at none.json.", "{trace}", "--chosen", "none.json")]
    public void Wrong_usage_and_bad_files_are_one_sentence(int code, string sentence, params string[] args)
    {
        Answer answer = CommandLine.Run(["diff", .. args.Select(arg => arg == "{trace}" ? trace.Folder : arg)]);
        Assert.Equal((code, sentence + "\n", ""), (answer.Code, answer.Error, answer.Out));
    }
}
