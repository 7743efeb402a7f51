using System.Security.Cryptography;
using System.Text.Json;
using GptOss.Cli;
using GptOss.Cli.Verify;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli;

public sealed class CommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Alone_the_program_shows_its_commands()
    {
        Answer answer = Run();
        Assert.Equal(0, answer.Code);
        Assert.All((string[])["generate", "harmony", "inspect", "pack", "synth", "tokens", "trace", "verify"],
            command => Assert.Contains($"  {command}", answer.Out, StringComparison.Ordinal));
        Assert.Matches(@"^\d+\.\d+\.\d+\n$", RunProcess(new Dictionary<string, string>(), "--version").Out.ReplaceLineEndings("\n"));
        Assert.Equal(2, Run("nonsense").Code);
    }

    [Theory]
    [InlineData("20b", "19.12B", "0.64B", "1.16B", "3.61B", "20.91B", "12.8 GiB", 20_914_757_184, 3_608_307_264)]
    [InlineData("120b", "114.71B", "0.96B", "1.16B", "5.13B", "116.83B", "60.8 GiB", 116_829_156_672, 5_132_849_472)]
    public void Inspect_gives_the_model_card_s_table_without_weights(
        string shape, string mlp, string attention, string embeddings, string active, string total, string checkpoint, long parameters,
        long activeParameters)
    {
        JsonElement json = Run("inspect", "--shape", shape, "--json").Json;
        Assert.Equal(
            [mlp, attention, embeddings, active, total, checkpoint],
            json.GetProperty("card").EnumerateObject().Select(value => value.Value.GetString()));
        Assert.Equal(parameters, json.GetProperty("parameters").GetProperty("total").GetInt64());
        Assert.Equal(activeParameters, json.GetProperty("parameters").GetProperty("active").GetInt64());
        Assert.Equal(json.GetProperty("parameters").GetProperty("tensor_bytes").GetInt64(), json.GetProperty("tensors").EnumerateArray()
            .Sum(t => t.GetProperty("bytes").GetInt64()));
        string text = Run("inspect", "--shape", shape).Out;
        Assert.All((string[])[mlp, attention, embeddings, active, total, checkpoint, "block.N.attn.qkv.weight"],
            cell => Assert.Contains(cell, text, StringComparison.Ordinal));
    }

    [Fact]
    public void Inspect_lists_every_tensor_when_asked()
    {
        Assert.Matches(@"model\.layers\.5\.mlp\.experts\.down_proj_bias +BF16 +\[8, 128\] +2,048 +model\.safetensors",
            Run("inspect", "--model", TestData.Tiny, "--tensors").Out);
        Assert.Contains("× 6", Run("inspect", "--model", TestData.Tiny).Out, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_reads_every_number_when_asked()
    {
        string model = Small(_folder);
        JsonElement json = Run("inspect", "--model", model, "--check", "--json").Json;
        using var checkpoint = Checkpoint.Open(model);
        long values = checkpoint.Tensors.Where(tensor => tensor.Info.DType == DType.BF16).Sum(tensor => tensor.Info.ByteCount / 2);
        Assert.Equal(values + 2 * 4 * (64 * 2 + 64 * 1), json.GetProperty("numbers_checked").GetInt64());
    }

    [Theory]
    [InlineData("block.1.mlp.mlp2_weight.scales", 5, 255, "has the scale 255 at byte 5; E8M0 scales of weights go from 0 to 254.")]
    [InlineData("block.1.mlp.norm.scale", 7, 0x7F, "has the value NaN at byte 6; weights are finite numbers.")]
    [InlineData("unembedding.weight", 6, 0x80, "has the value Infinity at byte 6; weights are finite numbers.")]
    public void Inspect_refuses_weights_that_are_not_numbers(string tensor, int at, byte value, string sentence)
    {
        string model = Small(_folder), path = Path.Combine(model, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        using (var file = SafeTensorsFile.Open(path))
        {
            Assert.True(file.TryGet(tensor, out TensorInfo info));
            long start = file.FileBytes - file.Tensors[^1].End + info.Begin;
            if (value == 0x80)
                bytes[start + at + 1] = 0x7F;              // 0x7F80
            else if (value == 0x7F)
                bytes[start + at - 1] = 0xC0;              // 0x7FC0
            bytes[start + at] = value;
        }
        File.WriteAllBytes(path, bytes);
        Assert.Equal(new(3, "", $"model.safetensors: tensor '{tensor}' {sentence}\n"), Run("inspect", "--model", model, "--check"));
    }

    [Theory]
    [InlineData(2, "--model and --shape exclude each other; a model has its own shape.", "--model", "a", "--shape", "20b")]
    [InlineData(2, "--context is 131073; the model's context holds 131072.", "--shape", "20b", "--context", "131073")]
    [InlineData(3, "There is no file '30b', and no published shape of that name; expected 20b, 120b or a configuration file.", "--shape", "30b")]
    public void Inspect_refuses_in_one_sentence(int code, string sentence, params string[] args) =>
        Assert.Equal(new(code, "", sentence + "\n"), Run(["inspect", .. args]));

    [Fact]
    public void Synth_writes_the_recipe_s_bytes_and_refuses_to_replace_them()
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.Golden("shape-base"), "manifest.json")));
        string shape = _folder.Write("shape.json", manifest.RootElement.GetProperty("config").GetRawText()), target = _folder.File("out");
        Answer answer = Run("synth", "--shape", shape, "--seed", "7", "--out", target);
        string path = Path.Combine(target, "model.safetensors");
        Assert.Equal(new(0, path + "\n", $"Writing 862,464 bytes (842.2 KiB) to {target}.\n"), answer);
        Assert.Equal("10d97c70e32a93286b1a37d3cac74889f34e2040df52f2035f6d74481468f836",
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));

        Answer again = Run("synth", "--shape", shape, "--seed", "8", "--out", target);
        Assert.Equal(new(2, "", $"{path} exists; give another folder, or --force to replace it.\n"), again);
        Assert.Equal(0, Run("synth", "--shape", shape, "--seed", "8", "--out", target, "--force").Code);
        Assert.NotEqual("10d97c70e32a93286b1a37d3cac74889f34e2040df52f2035f6d74481468f836",
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
    }

    [Theory]
    [InlineData(null, 6)]
    [InlineData("2", 2)]
    public void Synth_takes_the_configuration_of_transformers_too(string? layers, int expected)
    {
        string[] fewer = layers is null ? [] : ["--layers", layers];
        Assert.Equal(0, Run(["synth", "--shape", Path.Combine(TestData.Tiny, "config.json"), "--out", _folder.File("out"), .. fewer]).Code);
        JsonElement config = Run("inspect", "--model", _folder.File("out"), "--json").Json.GetProperty("config");
        Assert.Equal((expected, 128), (config.GetProperty("num_hidden_layers").GetInt32(), config.GetProperty("hidden_size").GetInt32()));
    }

    [Fact]
    public void Synth_takes_another_number_of_layers()
    {
        Assert.Equal(0,
            Run("synth", "--shape", _folder.Write("shape.json", SmallShapes.SixteenPositions), "--layers", "3", "--out", _folder.File("out")).Code);
        Assert.Equal(3, JsonDocument.Parse(File.ReadAllText(_folder.File("out/config.json"))).RootElement.GetProperty(
            "num_hidden_layers").GetInt32());
    }

    [Fact]
    public void Synth_writes_a_GGUF_file_where_it_is_asked_to()
    {
        string shape = _folder.Write("shape.json", SmallShapes.SixteenPositions), target = _folder.File("out");
        string path = Path.Combine(target, "model.gguf");
        Answer answer = Run("synth", "--shape", shape, "--gguf", "q8", "--out", target);
        Assert.Equal((0, path + "\n"), (answer.Code, answer.Out));
        Assert.StartsWith("Writing ", answer.Error, StringComparison.Ordinal);
        Assert.Contains("Q8_0", Run("inspect", "--model", path).Out, StringComparison.Ordinal);
        Assert.Equal(new(2, "", $"{path} exists; give another folder, or --force to replace it.\n"),
            Run("synth", "--shape", shape, "--gguf", "bf16", "--out", target));
        Assert.Equal(0, Run("synth", "--shape", shape, "--gguf", "bf16", "--out", target, "--force").Code);
        Assert.DoesNotContain("Q8_0", Run("inspect", "--model", path).Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "--gguf is 'f16'; expected bf16 or q8.", "--shape", "20b", "--gguf", "f16", "--out", "x")]
    [InlineData(2, "Option '--out' is required.", "--shape", "20b")]
    [InlineData(3, "There is no file '30b', and no published shape of that name; expected 20b, 120b or a configuration file.", "--shape", "30b",
        "--out", "x")]
    public void Synth_refuses_in_one_sentence(int code, string sentence, params string[] args) =>
    Assert.Equal(new(code, "", sentence + "\n"), Run(["synth", .. args]));

    [Fact]
    public void Trace_states_its_size_and_hashes_the_row_that_generate_chooses_from()
    {
        string ids = _folder.Write("ids.json", "[5, 300, 17]"), model = Small(_folder), target = _folder.File("trace");
        Answer trace = Run("trace", "--model", model, "--ids", ids, "--out", target, "--positions", "2");
        Assert.Equal(0, trace.Code);
        Assert.StartsWith("Writing ", trace.Error, StringComparison.Ordinal);
        Assert.Contains($"{new FileInfo(Path.Combine(target, "stages.safetensors")).Length:N0} bytes", trace.Error, StringComparison.Ordinal);
        string hash = Run("generate", "--model", model, "--ids", ids, "--max-tokens", "1", "--json").Json.GetProperty("logits_hash").GetString()!;
        Assert.Equal($"logits_hash {hash}\n", trace.Out);
        Assert.Equal(hash, JsonDocument.Parse(File.ReadAllText(Path.Combine(target, "manifest.json"))).RootElement.GetProperty("logits_hash")
            .GetString());

        Answer again = Run("trace", "--model", model, "--ids", ids, "--out", target);
        Assert.Equal(new(2, "", $"{Path.Combine(target, "stages.safetensors")} exists; give another folder, or --force to replace it.\n"), again);
        Assert.Equal(0, Run("trace", "--model", model, "--ids", ids, "--out", target, "--force", "--stages", "block.1.*,logits").Code);
        Assert.Equal(0, Run("verify", "--pack", target, "--model", model).Code);
        Assert.Equal(1, Run("verify", "--pack", target, "--model", Small(_folder, "other", seed: 2)).Code);
    }

    [Theory]
    [InlineData(2, "There is no prompt; give it as an argument, with --file or --ids, or on standard input.")]
    [InlineData(2, "--positions holds '1;2'; expected positions such as 0,5,9, or last.", "a", "--positions", "1;2")]
    [InlineData(2, "--positions holds 9; positions go from 0 to 0.", "<|start|>", "--positions", "9")]
    [InlineData(2, "--positions holds 0 after 1; expected ascending positions.", "ab cd", "--positions", "1,0")]
    [InlineData(2, "No stage of a model of 6 layers matches 'x'; give names such as block.0.*,*.residual,logits.", "ab", "--stages", "x")]
    [InlineData(3, "The prompt has no tokens, so there is nothing to continue.", "")]
    public void Trace_refuses_in_one_sentence(int code, string sentence, params string[] args)
    {
        Assert.Equal(new(code, "", sentence + "\n"), Run(["trace", "--model", TestData.Tiny, "--out", _folder.File("trace"), .. args]));
        Assert.False(Directory.Exists(_folder.File("trace")));
    }

    [Fact]
    public void Verify_runs_a_pack_from_its_manifest()
    {
        Answer answer = Run("verify", "--pack", TestData.Golden("shape-base"), "--profile", "float32", "--json");
        JsonElement pack = answer.Json.GetProperty("packs")[0];
        Assert.Equal((0, "shape-base", true), (answer.Code, pack.GetProperty("pack").GetString(), pack.GetProperty("passed").GetBoolean()));
        JsonElement stage = pack.GetProperty("sections")[0].GetProperty("stages")[1];
        Assert.Equal(["stage", "error", "budget", "rows", "passed"], stage.EnumerateObject().Select(p => p.Name));
        string text = Run("verify", "--pack", TestData.Golden("shape-base"), "--profile", "float32", "--verbose").Out;
        Assert.Contains("block.0.attn.qkv", text, StringComparison.Ordinal);
        Assert.Contains($"logits_hash {pack.GetProperty("sections")[0].GetProperty("logits_hash").GetString()}", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_says_which_stage_fails_and_exits_with_1()
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestData.Golden("shape-base"), "manifest.json")));
        SyntheticCheckpoint.Write(_folder.File("other"), manifest.RootElement.GetProperty("config").GetRawText(), seed: 8,
            cancellation: TestContext.Current.CancellationToken);
        Answer answer = Run("verify", "--pack", TestData.Golden("shape-base"), "--model", _folder.File("other"));
        Assert.Equal(1, answer.Code);
        string[] lines = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Matches("^shape-base +FAILED  ", lines[0]);
        Assert.Contains(lines, line => line.StartsWith("  float32, embedding: error ", StringComparison.Ordinal));
        Assert.Equal("FAILED: 1 of 1 pack; shape-base: embedding is the first stage that failed.", lines[^1]);
    }

    [Fact]
    public void Verify_prints_a_line_a_pack_and_one_verdict()
    {
        string packs = _folder.File("packs");
        foreach (string name in (string[])["shape-base", "shape-no-yarn"])
            Copy(TestData.Golden(name), Path.Combine(packs, name));
        Answer answer = Run("verify", "--packs", packs, "--profile", "float32");
        string[] lines = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Equal((0, 3), (answer.Code, lines.Length));
        Assert.Matches(@"^shape-base +ok +27 stages; nearest to its budget [a-z0-9.]+, 0\.[0-9]{2} of it$", lines[0]);
        Assert.Matches("^PASSED: 2 packs, [0-9]+ stages compared.$", lines[^1]);
        Assert.Equal(new(3, "", $"{_folder.Path} has no golden packs to run; expected folders with a manifest.json, as 'gptoss pack' makes them.\n"),
            Run("verify", "--packs", _folder.Path));

        static void Copy(string from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (string file in Directory.EnumerateFiles(from))
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    [Fact]
    public void The_golden_packs_are_beside_the_program_or_in_the_repository_around_it_or_around_the_current_folder()
    {
        string program = _folder.File("program"), repository = _folder.File("repository"), inside = Path.Combine(repository, "a", "b");
        Directory.CreateDirectory(program);
        Directory.CreateDirectory(inside);
        Assert.Equal("The golden packs are not with this program; run it in a checkout of the repository, name their folder with --packs, or " +
            "name one pack with --pack.",
            Assert.Throws<InputException>(() => PackFolder.Find(program, inside)).Message);
        string packs = Directory.CreateDirectory(Path.Combine(repository, "testdata", "goldens")).FullName;
        Assert.Equal((packs, packs), (PackFolder.Find(program, inside), PackFolder.Find(inside, program)));
        string beside = Directory.CreateDirectory(Path.Combine(program, "goldens")).FullName;
        Assert.Equal(beside, PackFolder.Find(program, inside));
    }

    [Theory]
    [InlineData(2, "--pack and --all exclude each other.", "--pack", "x", "--all")]
    [InlineData(2, "--pack and --packs exclude each other.", "--pack", "x", "--packs", "y")]
    [InlineData(3, "There is no folder 'none'.", "--packs", "none")]
    [InlineData(2, "The pack defects has no recording in bfloat16.", "--pack", "defects", "--profile", "bfloat16")]
    public void Verify_refuses_in_one_sentence(int code, string sentence, params string[] args) =>
        Assert.Equal(new(code, "", sentence + "\n"), Run(["verify", .. args.Select(arg => arg == "defects" ? TestData.Golden(arg) : arg)]));

    [Fact]
    public void Verify_of_a_folder_that_is_no_pack_is_exit_code_3() => Assert.Equal(3, Run("verify", "--pack", _folder.Path).Code);
}
