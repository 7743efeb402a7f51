using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Tracing;

public sealed class PackCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _ids;

    public PackCommandTests() => _ids = _folder.Write("ids.json", "[5, 300, 17]");

    private string Target => _folder.File("pack");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_pack_of_the_toy_verifies_wherever_it_lies()
    {
        Answer pack = Run("pack", "--model", TestData.Tiny, "--ids", _ids, "--out", Target, "--profile", "bfloat16", "--width", "scalar");
        Assert.Equal(0, pack.Code);
        Assert.Matches(@"^Writing [0-9,]+ bytes \(.*\) to .*\.\n$", pack.Error);
        string hash = pack.Out.Split(' ')[1].TrimEnd();
        Answer verify = Run("verify", "--pack", Target, "--verbose");             // by the name in the manifest: the toy comes along
        Assert.Equal(0, verify.Code);
        Assert.StartsWith("pack, files\n  file ", verify.Out, StringComparison.Ordinal);
        Assert.Contains($"  logits_hash {hash}  as expected\n", verify.Out, StringComparison.Ordinal);
        JsonElement report = Run("verify", "--pack", Target, "--json").Json.GetProperty("packs")[0];
        Assert.Equal(["pack", "passed", "files", "sections"], report.EnumerateObject().Select(member => member.Name));
        Assert.Equal(["file", "bytes", "sha256", "found_bytes", "found_sha256", "passed"], report.GetProperty("files")[1].EnumerateObject()
            .Select(member => member.Name));
    }

    [Fact]
    public void A_run_with_rounded_bounds_says_so_and_verifies()
    {
        string gguf = Path.Combine(TestData.Root, "gguf", "models", "mini-plain.gguf");
        const string notice = "The bounds of YaRN are rounded, as llama.cpp does: the numbers are not the published model's.\n";
        Answer published = Run("pack", "--model", gguf, "--ids", _ids, "--out", _folder.File("published")),
            rounded = Run("pack", "--model", gguf, "--ids", _ids, "--out", Target, "--yarn-bounds", "rounded");
        Assert.Equal((0, 0), (published.Code, rounded.Code));
        Assert.NotEqual(published.Out, rounded.Out);
        Assert.Contains(notice, rounded.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(notice, published.Error, StringComparison.Ordinal);
        Assert.Equal("rounded", (string?)Manifest()["config"]!["yarn_bounds"]);
        Assert.DoesNotContain("yarn_bounds", File.ReadAllText(Path.Combine(_folder.File("published"), "manifest.json")), StringComparison.Ordinal);
        Assert.Equal(0, Run("verify", "--pack", Target, "--model", gguf).Code);
        Assert.Equal(0, Run("verify", "--pack", _folder.File("published"), "--model", gguf).Code);
    }

    [Fact]
    public void Inspect_shows_whether_the_bounds_are_rounded()
    {
        string published = Run("inspect", "--shape", "20b").Out, rounded = Run("inspect", "--shape", "20b", "--yarn-bounds", "rounded").Out;
        Assert.Contains("bounds 1 and 32\n", published, StringComparison.Ordinal);
        Assert.Contains("bounds 1 and 32, rounded to whole channels\n", rounded, StringComparison.Ordinal);
        Assert.Equal("rounded", Run("inspect", "--model", TestData.Tiny, "--yarn-bounds", "rounded", "--json").Json.GetProperty("config")
            .GetProperty("yarn_bounds").GetString());
    }

    [Fact]
    public void A_text_may_be_packed_like_it_may_be_traced()
    {
        Assert.Equal(0, Run("pack", "--model", TestData.Tiny, "--out", Target, "--stages", "logits", "--positions", "last",
            "<|start|>user<|message|>Hi<|end|>").Code);
        string trace = Run("trace", "--model", TestData.Tiny, "--out", _folder.File("trace"), "--positions", "last",
            "<|start|>user<|message|>Hi<|end|>").Out;
        Assert.Equal($"logits_hash {Manifest()["logits_hash"]}\n", trace);
    }

    [Fact]
    public void Other_weights_fail_and_their_file_is_named()
    {
        string model = Small(_folder);
        File.WriteAllBytes(Path.Combine(model, "model.safetensors"), Changed(Path.Combine(model, "model.safetensors")));
        Assert.Equal(0, Run("pack", "--model", model, "--ids", _ids, "--out", Target).Code);
        Answer answer = Run("verify", "--pack", Target, "--model", Small(_folder, "other", seed: 2));
        Assert.Equal(1, answer.Code);
        Assert.Matches(@"\n  model\.safetensors: FAILED, another content: sha256 [0-9a-f]{64}, expected [0-9a-f]{64}\n", answer.Out);
        Assert.Matches(@"\nFAILED: 1 of 1 pack; pack: model\.safetensors another content: sha256 [0-9a-f]{64}, expected [0-9a-f]{64}\.\n$",
            answer.Out);
        Answer unread = Run("verify", "--pack", Target, "--model", _folder.File("other"), "--no-checksums", "--verbose");
        Assert.Equal(1, unread.Code);                                             // the stages differ all the same
        Assert.Matches(@"\n  model\.safetensors +[0-9,]+  ok, content not read\n", unread.Out);
    }

    [Fact]
    public void A_pack_states_the_budgets_that_it_is_given()
    {
        string budget = _folder.Write("budget.json", """{"float32": {"g": 1, "stages": {"logits": {"b": 0.25}}}}""");
        Assert.Equal(0, Run("pack", "--model", Small(_folder), "--ids", _ids, "--out", Target, "--budget", budget, "--stages", "logits").Code);
        Assert.Equal(0.25, (double)Manifest()["budgets"]!["float32"]!["stages"]!["logits"]!["b"]!);
        Assert.Equal(0.25, Run("verify", "--pack", Target, "--json").Json.GetProperty("packs")[0].GetProperty("sections")[0].GetProperty("stages")[0]
            .GetProperty("budget").GetDouble());
    }

    [Fact]
    public void A_pack_that_is_there_is_replaced_only_when_asked()
    {
        string model = Small(_folder);
        Assert.Equal(0, Run("pack", "--model", model, "--ids", _ids, "--out", Target).Code);
        Assert.Equal(new(2, "", $"{Path.Combine(Target, "stages.safetensors")} exists; give another folder, or --force to replace it.\n"),
            Run("pack", "--model", model, "--ids", _ids, "--out", Target));
        Assert.Equal(0, Run("pack", "--model", model, "--ids", _ids, "--out", Target, "--force", "--positions", "last").Code);
        Assert.Equal("[2]", Manifest()["positions"]!.ToJsonString());
    }

    [Fact]
    public void A_manifest_with_more_ids_than_the_context_is_refused_before_anything_runs()
    {
        string model = Small(_folder);                                            // its context holds 16 positions
        Assert.Equal(0, Run("pack", "--model", model, "--ids", _ids, "--out", Target, "--positions", "last").Code);
        SmallCheckpoints.Edit(Path.Combine(Target, "manifest.json"),
            manifest => manifest["ids"] = new JsonArray([.. Enumerable.Repeat(5, 17).Select(id => (JsonNode)id)]));
        Assert.Equal(new(3, "", "manifest.json: there are 17 ids to read; the model's context holds 16.\n"), Run("verify", "--pack", Target));
    }

    [Fact]
    public void A_pack_of_a_later_format_is_refused()
    {
        Assert.Equal(0, Run("pack", "--model", Small(_folder), "--ids", _ids, "--out", Target).Code);
        SmallCheckpoints.Edit(Path.Combine(Target, "manifest.json"), manifest => manifest["format"] = 2);
        Assert.Equal(new(3, "", "manifest.json: format is 2; this program reads format 1.\n"), Run("verify", "--pack", Target));
    }

    [Theory]
    [InlineData(2, "There is no prompt; give it as an argument, with --file or --ids, or on standard input.")]
    [InlineData(3, "There is no file 'none.json'.", "--ids", "none.json")]
    [InlineData(3, "Token id 4096 at place 1 of the prompt is unknown; the model has ids 0 to 4095.", "--ids", "[1, 4096]")]
    [InlineData(3, "Token id -1 at place 0 of the prompt is unknown; the model has ids 0 to 4095.", "--ids", "[-1]")]
    [InlineData(3, "given.json: entry 1 is 1.5; expected a token id.", "--ids", "[1, 1.5]")]
    [InlineData(3, "The prompt has no tokens, so there is nothing to continue.", "--ids", "[]")]
    [InlineData(2, "--positions holds 3; positions go from 0 to 1.", "--ids", "[1, 2]", "--positions", "3")]
    [InlineData(2, "No stage of a model of 6 layers matches 'x'; give names such as block.0.*,*.residual,logits.", "--ids", "[1]", "--stages", "x")]
    [InlineData(3, "none: no such file at none.", "--ids", "[1]", "--budget", "none")]
    [InlineData(2, "--profile is 'float16'; expected float32, bfloat16 or fast.", "--ids", "[1]", "--profile", "float16")]
    public void Bad_input_is_one_sentence(int code, string sentence, params string[] args)
    {
        string[] given = [.. args.Select(arg => arg.StartsWith('[') ? _folder.Write("given.json", arg) : arg)];
        Assert.Equal(new(code, "", sentence + "\n"), Run(["pack", "--model", TestData.Tiny, "--out", Target, .. given]));
        Assert.False(Directory.Exists(Target));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_one_sentence()
    {
        Answer answer = Run("pack", "--model", TestData.Tiny, "--ids", _ids, "--out", _ids);
        Assert.Equal((3, "", $"{_ids} is a file; expected a folder."), (answer.Code, answer.Out, answer.Sentence));
    }

    private JsonObject Manifest() => JsonNode.Parse(File.ReadAllText(Path.Combine(Target, "manifest.json")))!.AsObject();

    /// <summary>The file with the sign of its last value turned, so that no seed gives it.</summary>
    private static byte[] Changed(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 0x80;
        return bytes;
    }
}
