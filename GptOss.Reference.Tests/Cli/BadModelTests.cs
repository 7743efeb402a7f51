using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli;

/// <summary>A model that cannot be used is one sentence on standard error and exit code 3, whatever the command.</summary>
public sealed class BadModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_missing_folder() =>
        Refused(_folder.File("none"), $"none: no such folder or file: {_folder.File("none")}; give a folder, a .safetensors or .gguf file, or a " +
            $"hub name such as openai/gpt-oss-20b.");

    [Fact]
    public void An_empty_folder()
    {
        Directory.CreateDirectory(_folder.File("empty"));
        Refused(_folder.File("empty"), "empty: the folder is empty; give the folder of a gpt-oss checkpoint.");
    }

    [Fact]
    public void A_folder_of_GGUF_files()
    {
        _folder.Write("gguf/model.gguf", "GGUF");
        Refused(_folder.File("gguf"), "model.gguf: the file is too short: 4 bytes, and the header of a GGUF file takes 24.");
    }

    [Fact]
    public void A_folder_of_bin_files()
    {
        _folder.Write("bin/pytorch_model.bin", "PK");
        Refused(_folder.File("bin"), "bin: the folder holds PyTorch .bin files but no safetensors; convert them with the safetensors package first.");
    }

    [Fact]
    public void A_GGUF_file_under_another_name()
    {
        string model = Small(_folder);
        File.WriteAllBytes(Path.Combine(model, "model.safetensors"), [.. "GGUF"u8, .. new byte[100]]);
        Refused(model, null);
    }

    [Fact]
    public void A_truncated_file()
    {
        string model = Small(_folder);
        using (FileStream file = File.OpenWrite(Path.Combine(model, "model.safetensors")))
            file.SetLength(file.Length - 1);
        Refused(model, null);
    }

    [Fact]
    public void A_missing_shard()
    {
        string model = _folder.File("sharded");
        Directory.CreateDirectory(model);
        File.Copy(Path.Combine(TestData.Tiny, "config.json"), Path.Combine(model, "config.json"));
        File.WriteAllText(Path.Combine(model, "model.safetensors.index.json"),
            """{"metadata": {"total_size": 4}, "weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors",""" +
            """ "model.norm.weight": "model-00002-of-00002.safetensors"}}""");
        Refused(model, "model.safetensors.index.json: 2 of 2 files named by weight_map are missing: model-00001-of-00002.safetensors, " +
            "model-00002-of-00002.safetensors.");
    }

    [Fact]
    public void A_configuration_that_cannot_be()
    {
        string model = Small(_folder);
        string config = Path.Combine(model, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"hidden_size\": 64", "\"hidden_size\": 65", StringComparison.Ordinal));
        Refused(model, "config.json: hidden_size is 65; expected a multiple of 32, the length of an MXFP4 block.");
    }

    [Fact]
    public void A_tokenizer_that_is_not_JSON()
    {
        string model = Small(_folder);
        File.WriteAllText(Path.Combine(model, "tokenizer.json"), "no");
        Answer answer = Run("generate", "--model", model, "a");
        Assert.Equal((3, "", 1), (answer.Code, answer.Out, answer.Error.Count(c => c == '\n')));
    }

    private void Refused(string model, string? sentence)
    {
        string ids = _folder.Write("ids.json", "[1]");
        foreach (string[] command in (string[][])
        [
            ["generate", "--ids", ids], ["inspect"], ["trace", "--ids", ids, "--out", _folder.File("trace")],
            ["verify", "--pack", TestData.Golden("shape-base")],
        ])
        {
            Answer answer = Run([.. command, "--model", model]);
            Assert.Equal((3, ""), (answer.Code, answer.Out));
            Assert.EndsWith(".", answer.Sentence, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", answer.Error, StringComparison.Ordinal);
            if (sentence is not null)
                Assert.Equal(sentence, answer.Sentence);
        }
        Assert.False(Directory.Exists(_folder.File("trace")));
    }
}
