using System.Security.Cryptography;
using System.Text.Json;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Synthetic;

/// <summary>The checkpoints behind the golden packs, against checksums of what the recipe wrote.</summary>
public sealed class SyntheticCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("shape-base", 862_464, "10d97c70e32a93286b1a37d3cac74889f34e2040df52f2035f6d74481468f836")]
    [InlineData("shape-one-key-value-head-per-query-head", 591_536, "0515b36a577e34e27311f7692e75bedcf1b1094860a0123673afd671898874c3")]
    [InlineData("shape-one-key-value-head-all-experts", 3_703_792, "f752a6bc43f1d5e7a077d0b5d52f2d2c4763f01a65afd8d1311ed4069be526a2")]
    [InlineData("shape-no-yarn", 862_464, "bd692d66383494dae4f87a44dbb2a0bc992eb29bef11058c3dbcbc4faca16e25")]
    [InlineData("shape-head-32", 516_336, "23c875f2c83f4a2ff4b8fea31993a26f681b559a39dbe3be3863cf4ced314cd6")]
    [InlineData("shape-head-128", 961_776, "4d6b909d47133acfa3ed99f79366034272d678fc6707c5346d7a043f4e18cffc")]
    [InlineData("shape-clamped", 862_464, "9bc5ec62362c0cc29d9ab9b4bbd688d695c4a828806c8d09abdc82330d3b74f2")]
    [InlineData("shape-deep", 20_591_504, "2f9db5c97bc25ea8b483e3fb216dbb912a7e7b7dd41cc5bddfc01bfc4f899c57")]
    [InlineData("shape-long", 862_464, "4e96154effc13a3884e8df5a0cb7855abbea780e9afe869ba140f26e424c563b")]
    [InlineData("defects", 1_527_928, "05e7388a077cefb2d30e1026b92cdd8cb98f5486ff77b0cc1fda2ca987bdb386")]
    public void A_pack_s_configuration_and_seed_give_the_recipe_s_bytes(string pack, long bytes, string sha256) => RequireBytes(pack, bytes, sha256);

    [Fact(Explicit = true)]
    public void The_wide_pack_s_977_MB_are_the_recipe_s() =>
        RequireBytes("wide", 977_329_024, "c823e7e88759f4f8be14591158bccb28cc10ccb1f3b61480db149602d31123ac");

    [Fact(Explicit = true)]
    public void The_whole_20b_s_13_8_GB_are_the_recipe_s() =>
        RequireBytes("full-20b", 13_761_301_520, "4248fc0c346b74e47fecfa0819d53deff87d329e49765ebe3d868a3777b6f50e");

    [Fact]
    public void The_published_shapes_have_the_size_of_the_published_tensors()
    {
        Assert.Equal(13_761_301_520, SyntheticCheckpoint.FileBytes(SyntheticCheckpoint.ConfigFor("20b")));
        Assert.InRange(SyntheticCheckpoint.FileBytes(SyntheticCheckpoint.ConfigFor("120b")), 65_248_815_744, 65_248_815_744 + 100_000);
        Assert.Equal(PublishedShapes.Gpt20b, ConfigReader.Parse(SyntheticCheckpoint.ConfigFor("20b"), "config.json"));
        Assert.Equal(PublishedShapes.Gpt120b with { NumHiddenLayers = 2 }, ConfigReader.Parse(SyntheticCheckpoint.ConfigFor("120b", layers: 2), "config.json"));
        Assert.Throws<ArgumentException>(() => SyntheticCheckpoint.ConfigFor("70b"));
    }

    [Fact]
    public void The_configuration_is_printed_as_python_prints_it()
    {
        string published = File.ReadAllText(Path.Combine(TestData.Tiny, "original", "config.json"));
        Synthesise(published.ReplaceLineEndings(" ").Replace("  ", "", StringComparison.Ordinal), seed: 1);
        Assert.Equal(published, File.ReadAllText(Path.Combine(_folder.Path, "config.json")));
    }

    [Fact]
    public void What_is_written_opens_as_a_checkpoint_and_only_force_replaces_it()
    {
        string config = PackConfig("shape-base", out _);
        var seen = new List<long>();
        Synthesise(config, seed: 3, progress: new Inline(seen.Add));
        Assert.Equal(862_464, seen[^1]);
        Assert.Equal(seen.Order(), seen);
        using (Checkpoint checkpoint = Checkpoint.Open(_folder.Path))
            Assert.All(checkpoint.U8("block.1.mlp.mlp2_weight.scales").ToArray(), scale => Assert.InRange(scale, 100, 130));
        string model = Path.Combine(_folder.Path, "model.safetensors");
        Assert.Equal($"{model} exists; give another folder, or force its replacement.",
            Assert.Throws<IOException>(() => Synthesise(config, seed: 4)).Message);
        byte[] before = File.ReadAllBytes(model);
        Synthesise(config, seed: 4, force: true);
        Assert.NotEqual(before, File.ReadAllBytes(model));
        Assert.Equal(["config.json", "model.safetensors"], _folder.Names());
    }

    [Fact]
    public void A_cancelled_checkpoint_leaves_nothing()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => Synthesise(PackConfig("shape-base", out _), 1, cancellation: source.Token));
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_checkpoint_larger_than_the_disk_is_refused_before_a_byte_is_written()
    {
        string config = SyntheticCheckpoint.ConfigFor("120b", layers: 4096);
        string message = Assert.Throws<IOException>(() => Synthesise(config, 1)).Message;
        Assert.Matches(@"^.* has \d+ bytes free; the checkpoint needs \d{13}\.$", message);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_configuration_in_transformers_dialect_makes_the_same_checkpoint()
    {
        string config = File.ReadAllText(Path.Combine(TestData.Tiny, "config.json"));
        Synthesise(config, 1);
        byte[] model = File.ReadAllBytes(_folder.File("model.safetensors"));
        Assert.Equal(ConfigReader.Parse(config, "config.json"), ConfigReader.Read(_folder.File("config.json")));
        Synthesise(File.ReadAllText(Path.Combine(TestData.Tiny, "original", "config.json")), 1, force: true);
        Assert.Equal(File.ReadAllBytes(_folder.File("model.safetensors")), model);
    }

    private void Synthesise(string config, ulong seed, bool force = false, IProgress<long>? progress = null, CancellationToken? cancellation = null) =>
        SyntheticCheckpoint.Write(_folder.Path, config, seed, force, progress, cancellation ?? TestContext.Current.CancellationToken);

    private void RequireBytes(string pack, long bytes, string sha256)
    {
        string config = PackConfig(pack, out ulong seed);
        Synthesise(config, seed);
        using FileStream model = File.OpenRead(Path.Combine(_folder.Path, "model.safetensors"));
        Assert.Equal(bytes, model.Length);
        Assert.Equal(bytes, SyntheticCheckpoint.FileBytes(config));
        Assert.Equal(sha256, Convert.ToHexStringLower(SHA256.HashData(model)));
    }

    private static string PackConfig(string pack, out ulong seed)
    {
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(TestData.Golden(pack), "manifest.json")));
        seed = manifest.RootElement.GetProperty("seed").GetUInt64();
        return manifest.RootElement.GetProperty("config").GetRawText();
    }

    private sealed class Inline(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
