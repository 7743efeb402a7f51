using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Packs;

/// <summary>A pack of ours states everything that is needed to rerun and judge it, and verify holds it to every part of that.</summary>
public sealed class PackFilesTests : IDisposable
{
    private static readonly int[] Ids = [5, 30, 17, 63, 0, 8, 8, 41, 2, 11];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Pack => _folder.File("pack");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void A_pack_of_a_checkpoint_lists_its_files(Precision precision)
    {
        string model = Trained();
        string hash = Write(model, precision);
        JsonElement manifest = Manifest();
        Assert.Equal(
            ["format", "kind", "ids", "positions", "model", "checkpoint", "config", "profile", "logits_hash", "stages", "files", "budgets",
                "produced_by"],
            manifest.EnumerateObject().Select(member => member.Name));
        Assert.Equal((1, "trace", "trained", hash),
            (manifest.GetProperty("format").GetInt32(), manifest.GetProperty("kind").GetString(), manifest.GetProperty("model").GetString(),
            manifest.GetProperty("logits_hash").GetString()));
        Assert.Equal([Listed(Path.Combine(model, "model.safetensors"))], manifest.GetProperty("checkpoint").EnumerateArray().Select(Entry));
        Assert.Equal([Listed(Path.Combine(Pack, "stages.safetensors"))], manifest.GetProperty("files").EnumerateArray().Select(Entry));
        Assert.Equal(["manifest.json", "stages.safetensors"], Directory.GetFiles(Pack).Select(Path.GetFileName).Order());

        PackReport report = Verify(model);
        Assert.True(report.Passed);
        Assert.Equal(["stages.safetensors", "model.safetensors"], report.Files.Select(file => file.Listed.File));
        Assert.All(report.Files, file => Assert.NotNull(file.FoundSha256));
        Assert.All(report.Sections.SelectMany(section => section.Stages), stage => Assert.Equal(0, stage.Error));
        Assert.Contains(report.Sections, section => section.ExpectedLogitsHash == hash);
    }

    [Fact]
    public void Every_shard_is_listed()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.File("hf"), shards: 3);
        Write(_folder.File("hf"));
        Assert.Equal(
            Directory.GetFiles(_folder.File("hf"), "*.safetensors").Order(StringComparer.Ordinal).Select(Listed),
            Manifest().GetProperty("checkpoint").EnumerateArray().Select(Entry));
        Assert.True(Verify(_folder.File("hf")).Passed);
    }

    [Fact]
    public void A_pack_of_a_synthetic_checkpoint_needs_no_checkpoint()
    {
        string model = Synthetic(ulong.MaxValue);
        Write(model, options: new() { Positions = [2, 9], Stages = StageFilter.Parse("block.1.*,logits"), Pack = new() });
        JsonElement manifest = Manifest();
        Assert.Equal(ulong.MaxValue, manifest.GetProperty("seed").GetUInt64());
        Assert.False(manifest.TryGetProperty("checkpoint", out _));
        Directory.Delete(model, recursive: true);
        Assert.True(Verify(null).Passed);
    }

    [Fact]
    public void A_pack_of_one_width_verifies_at_every_other()
    {
        string model = Synthetic(7);
        foreach (Precision precision in Enum.GetValues<Precision>())
        {
            string hash = Write(model, precision, new() { Pack = new(), Force = true });
            foreach (RegisterWidth width in Enum.GetValues<RegisterWidth>().Where(width => width.IsSupported()))
            {
                PackReport report = Verify(model, new() { Width = width });
                Assert.True(report.Passed, $"{precision}, {width}");
                Assert.Equal(hash, report.Sections.Single(section => section.LogitsHash is not null).LogitsHash);
            }
        }
    }

    [Fact]
    public void A_changed_checkpoint_is_named_and_what_it_changes_is_found()
    {
        string model = Trained();
        Write(model);
        Flip(Path.Combine(model, "model.safetensors"), -1);
        PackReport report = Verify(model);
        Assert.False(report.Passed);
        Assert.Equal([true, false], report.Files.Select(file => file.Passed));
        Assert.NotEqual(report.Files[1].Listed.Sha256, report.Files[1].FoundSha256);

        PackReport unread = Verify(model, new() { Checksums = false });
        Assert.All(unread.Files, file => Assert.True(file.Passed));
        Assert.Equal([true, false], unread.Files.Select(file => file.FoundSha256 is not null));
    }

    [Fact]
    public void A_checkpoint_in_other_files_is_named()
    {
        SmallCheckpoints.WriteHuggingFace(_folder.File("hf"));
        Write(_folder.File("hf"));
        SmallCheckpoints.WriteOriginal(_folder.File("original"));
        PackReport report = Verify(_folder.File("original"));
        Assert.Equal([true, false, false], report.Files.Select(file => file.Passed));
        Assert.All(report.Files.Skip(1), file => Assert.Null(file.FoundBytes));
        Assert.True(Assert.Single(report.Sections).Passed);                       // the same weights all the same
    }

    [Fact]
    public void A_bit_of_the_stages_that_no_budget_sees_is_found()
    {
        string model = Synthetic(7);
        Write(model);
        Flip(Path.Combine(Pack, "stages.safetensors"), -4);                       // the last mantissa bit of the last logit
        PackReport report = Verify(model);
        Assert.True(Assert.Single(report.Sections).Passed);
        Assert.False(report.Passed);
        Assert.Equal("stages.safetensors", Assert.Single(report.Files, file => !file.Passed).Listed.File);
    }

    [Fact]
    public void Another_hash_fails()
    {
        string model = Synthetic(7);
        Write(model);
        Edit(manifest => manifest["logits_hash"] = new string('0', 64));
        PackReport report = Verify(model);
        Assert.True(Assert.Single(report.Sections).HashDiffers);
        Assert.False(report.Passed);
    }

    [Theory]
    [InlineData(0, false)]         // nothing may differ, and something does
    [InlineData(1e-3, true)]
    public void A_pack_is_held_to_its_own_budgets(double b, bool passes)
    {
        string model = Synthetic(7);
        Write(model, options: new() { Stages = StageFilter.Parse("norm"), Pack = new() });
        Edit(manifest =>
        {
            manifest["budgets"] =
                new JsonObject { ["float32"] =
                    new JsonObject { ["g"] = 1, ["stages"] = new JsonObject { ["norm"] = new JsonObject { ["b"] = b } } } };
            manifest.Remove("files");
        });
        Flip(Path.Combine(Pack, "stages.safetensors"), -4);
        PackSection section = Assert.Single(Verify(model).Sections);
        Assert.Equal((b, passes), (section.Stages.Single().Allowed, section.Passed));
        Assert.InRange(section.Stages.Single().Error, 1e-12, 1e-5);
    }

    [Fact]
    public void A_pack_without_budgets_has_the_published_ones()
    {
        Write(Synthetic(7));
        Assert.Equal(Budgets.Published.Float32.Stages, GoldenPack.Open(Pack).Budgets.Float32.Stages);
        Assert.NotSame(Budgets.Published, GoldenPack.Open(Pack).Budgets);
        Edit(manifest => manifest.Remove("budgets"));
        Assert.Same(Budgets.Published, GoldenPack.Open(Pack).Budgets);
    }

    [Fact]
    public void A_pack_in_which_nothing_can_be_compared_does_not_pass()
    {
        string model = Synthetic(7);
        Write(model, Precision.Bfloat16, new() { Positions = [3], Stages = StageFilter.Parse("logits"), Pack = new() });
        Assert.True(Verify(model).Passed);                                        // by its hash
        Edit(manifest => manifest.Remove("logits_hash"));
        Assert.False(Verify(model).Passed);
    }

    [Fact]
    public void A_manifest_that_does_not_fit_its_stages_is_refused_before_a_checkpoint_is_made()
    {
        Write(Synthetic(7));
        Edit(manifest => manifest["config"]!["hidden_size"] = 1 << 16);           // would be a checkpoint of gigabytes
        var e = Assert.Throws<CheckpointFormatException>(() => Verify(null, new() { ScratchFolder = _folder.File("scratch") }));
        Assert.Equal("stages.safetensors: tensor 'embedding' is F32 [10, 32]; expected F32 [10, 65536].", e.Message);
        Assert.False(Directory.Exists(_folder.File("scratch")));
    }

    [Fact]
    public void A_checkpoint_of_another_shape_is_refused()
    {
        Write(Trained());
        Assert.Equal("tiny-gpt-oss: the checkpoint is not of the shape that pack was recorded with.",
            Assert.Throws<CheckpointFormatException>(() => Verify(TestData.Tiny)).Message);
    }

    [Fact]
    public void A_pack_that_lists_files_alone_asks_for_their_folder()
    {
        Write(Trained());
        Edit(manifest => manifest.Remove("model"));
        Assert.Equal("manifest.json: the pack lists the files of its checkpoint and no name to find them by; give the folder of that checkpoint.",
            Assert.Throws<CheckpointFormatException>(() => Verify(null)).Message);
    }

    [Theory]
    [InlineData(0)]                // while the weights are read
    [InlineData(1)]                // while the finished stages are
    public void A_pack_that_is_stopped_leaves_nothing(int file)
    {
        string model = Trained();
        using var source = new CancellationTokenSource();
        using var transformer = Transformer.Load(model, new() { Threads = 1 });
        var options =
            new TraceFileOptions { Pack = new() { Reading = new Stopping(source, file == 0 ? "model.safetensors" : "stages.safetensors") } };
        Assert.ThrowsAny<OperationCanceledException>(() => TraceFile.Write(transformer, Ids, Pack, options, source.Token));
        Assert.Equal(["trained"], _folder.Names());
    }

    [Fact]
    public void A_folder_that_cannot_be_is_one_sentence()
    {
        string model = Synthetic(7), file = _folder.Write("file", "");
        Assert.Equal($"{file} is a file; expected a folder.", Assert.Throws<IOException>(() => Write(model, folder: file)).Message);
        string inside = Path.Combine(file, "x");
        Assert.StartsWith($"The folder {inside} cannot be made: ", Assert.Throws<IOException>(() => Write(model, folder: inside)).Message,
            StringComparison.Ordinal);
    }

    private string Synthetic(ulong seed)
    {
        string model = _folder.File("synthetic");
        SyntheticCheckpoint.Write(model, SmallModels.Smallest, seed, cancellation: Cancellation);
        return model;
    }

    /// <summary>A checkpoint that no seed gives: one sign of the final norm is turned.</summary>
    private string Trained()
    {
        string model = _folder.File("trained"), path = Path.Combine(model, "model.safetensors");
        SyntheticCheckpoint.Write(model, SmallModels.Smallest, 7, cancellation: Cancellation);
        long at;
        using (var file = SafeTensorsFile.Open(path))
        {
            Assert.True(file.TryGet("norm.scale", out TensorInfo norm));
            at = norm.Begin - file.Tensors[^1].End;
        }
        Flip(path, at + 1, 0x80);
        return model;
    }

    private string Write(string model, Precision precision = Precision.Float32, TraceFileOptions? options = null, string? folder = null)
    {
        using var transformer = Transformer.Load(model, new() { Precision = precision, Threads = 1 });
        int[] ids = [.. Ids.Select(id => id % transformer.Config.VocabSize)];
        return TraceFile.Write(transformer, ids, folder ?? Pack, options ?? new() { Pack = new() }, Cancellation);
    }

    private PackReport Verify(string? model, VerifyOptions? options = null) =>
        Verifier.Verify(GoldenPack.Open(Pack), (options ?? new()) with { Model = model, Threads = 1 }, Cancellation);

    private JsonElement Manifest() => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Pack, "manifest.json"))).RootElement;

    private void Edit(Action<JsonObject> change) => SmallCheckpoints.Edit(Path.Combine(Pack, "manifest.json"), change);

    /// <summary>Changes bits of a byte that is counted from the end.</summary>
    private static void Flip(string path, long fromEnd, byte bits = 1)
    {
        using FileStream stream = File.Open(path, FileMode.Open);
        stream.Position = stream.Length + fromEnd;
        int before = stream.ReadByte();
        stream.Position--;
        stream.WriteByte((byte)(before ^ bits));
    }

    private static (string?, long, string?) Entry(JsonElement file) =>
        (file.GetProperty("file").GetString(), file.GetProperty("bytes").GetInt64(), file.GetProperty("sha256").GetString());

    private static (string?, long, string?) Listed(string path) =>
        (Path.GetFileName(path), new FileInfo(path).Length, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));

    private sealed class Stopping(CancellationTokenSource source, string file) : IProgress<FileProgress>
    {
        public void Report(FileProgress value)
        {
            if (value.File == file)
                source.Cancel();
        }
    }
}
