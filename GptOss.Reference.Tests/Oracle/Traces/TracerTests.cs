using System.Text.Json;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Safetensors;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Oracle.Verification;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Traces;

/// <summary>A trace has the form of a golden pack, whatever of it was asked for, and is there whole or not at all.</summary>
public class TracerTests
{
    private static readonly int[] Ids = [.. GoldenPack.Open(TestData.Golden("tiny-trace")).Ids];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Transformer Tiny(Precision precision = Precision.Float32) =>
        Transformer.Load(TestData.Tiny, new() { Precision = precision, Threads = 1 });

    [Theory]
    [InlineData(Precision.Float32, "f32")]
    [InlineData(Precision.Bfloat16, "bf16")]
    public void A_trace_has_names_shapes_types_and_order_of_the_golden_pack(Precision precision, string suffix)
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Tiny(precision);
        TraceFile.Write(model, Ids, folder.File("trace"), cancellation: Cancellation);
        using var golden = SafeTensorsFile.Open(Path.Combine(TestData.Golden("tiny-trace"), $"stages.{suffix}.safetensors"));
        using var ours = SafeTensorsFile.Open(Path.Combine(folder.File("trace"), "stages.safetensors"));
        Assert.Equal(golden.Tensors.Select(Form), ours.Tensors.Select(Form));
        Assert.Equal(ours.FileBytes, TraceFile.SizeOf(model.Config, Ids.Length, StageFilter.All, precision));

        static string Form(TensorInfo tensor) => $"{tensor.Name} {tensor} at {tensor.Begin}";
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void What_was_written_is_what_was_recorded(Precision precision)
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Tiny(precision);
        var options = new TraceFileOptions
        {
            Positions = [0, 3, 23],
            Stages = StageFilter.Parse("block.0.*,*.experts,logits"),
            CheckpointName = "tiny-gpt-oss",
        };
        string hash = TraceFile.Write(model, Ids, folder.File("a/trace"), options, Cancellation);
        Trace recorded = Tracer.Record(model, Ids, options, Cancellation);
        var pack = GoldenPack.Open(folder.File("a/trace"));
        Trace read = pack.ReadTrace(precision, model.Config);
        Assert.Equal((hash, hash, hash), (recorded.LogitsHash, read.LogitsHash, pack.LogitsHash));
        Assert.Equal(recorded.Stages.Select(stage => stage.Key), read.Stages.Select(stage => stage.Key));
        foreach (StageRows stage in recorded.Stages)
        {
            Assert.Equal(stage.Values, read.Find(stage.Key)!.Values);
            Assert.Equal(stage.ExpertNumbers, read.Find(stage.Key)!.ExpertNumbers);
        }
        Assert.Equal(["manifest.json", "stages.safetensors"], Directory.GetFileSystemEntries(folder.File("a/trace"))
            .Select(Path.GetFileName).Order());
    }

    [Fact]
    public void The_hash_depends_on_positions_alone()
    {
        using Transformer model = Tiny();
        string Hash(TraceOptions options) => Tracer.Record(model, Ids, options, Cancellation).LogitsHash!;
        Assert.Equal(Hash(new() { Positions = [5, 9] }), Hash(new() { Positions = [5, 9], Stages = StageFilter.Parse("embedding") }));
        Assert.NotEqual(Hash(new() { Positions = [5, 9] }), Hash(new() { Positions = [5] }));
    }

    [Fact]
    public void Rows_of_positions_are_rows_of_the_whole_across_chunks()
    {
        int[] ids = [.. GoldenPack.Open(TestData.Golden("tiny-lengths")).Ids.Take(600)];
        using var model = Transformer.Load(TestData.Tiny, new() { Threads = 2 });
        var stages = StageFilter.Parse("block.1.mlp.residual,block.5.mlp.experts,logits");
        Trace all = Tracer.Record(model, ids, new() { Stages = stages }, Cancellation);
        Trace some = Tracer.Record(model, ids, new() { Stages = stages, Positions = [0, 511, 512, 513, 599] }, Cancellation);
        foreach (StageRows stage in some.Stages)
        {
            for (int row = 0; row < some.Positions.Count; row++)
            {
                Assert.Equal(all.Find(stage.Key)![some.Positions[row]], stage[row]);
                Assert.Equal(all.Find(stage.Key)!.Experts(some.Positions[row]), stage.Experts(row));
            }
        }
    }

    [Fact]
    public void The_manifest_says_what_ran()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Tiny();
        string hash = TraceFile.Write(model, Ids, folder.Path, new() { Positions = [7], Stages = StageFilter.Parse("norm,logits") }, Cancellation);
        using var document = JsonDocument.Parse(File.ReadAllBytes(folder.File("manifest.json")));
        JsonElement root = document.RootElement;
        Assert.Equal(
            ["format", "kind", "ids", "positions", "checkpoint", "config", "profile", "logits_hash", "stages", "produced_by"],
            root.EnumerateObject().Select(property => property.Name));
        Assert.Equal(Ids, root.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal("tiny-gpt-oss", root.GetProperty("checkpoint").GetString());
        Assert.Equal("float32", root.GetProperty("profile").GetString());
        Assert.Equal(hash, root.GetProperty("logits_hash").GetString());
        Assert.Equal(["norm", "logits"], root.GetProperty("stages").EnumerateArray().Select(stage => stage.GetString()));
        Assert.Equal(["product", "version", "width", "os", "architecture"], root.GetProperty("produced_by").EnumerateObject().Select(p => p.Name));
        Assert.Equal(model.Config, ConfigReader.Parse(root.GetProperty("config").GetRawText(), "manifest.json"));
    }

    [Fact]
    public void A_trace_of_ours_verifies()
    {
        using var folder = new TemporaryFolder();
        using (Transformer model = Tiny(Precision.Bfloat16))
            TraceFile.Write(model, Ids, folder.Path, cancellation: Cancellation);
        PackReport report = Verifier.Verify(GoldenPack.Open(folder.Path), new() { Model = TestData.Tiny, Threads = 1 }, Cancellation);
        Assert.True(report.Passed);
        Assert.All(report.Sections.SelectMany(section => section.Stages), stage => Assert.Equal(0, stage.Error));
    }

    [Theory]
    [InlineData("manifest.json")]
    [InlineData("stages.safetensors")]
    public void A_trace_that_is_there_is_refused_and_stays(string name)
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Tiny();
        folder.Write(name, "mine");
        var e = Assert.Throws<IOException>(() => TraceFile.Write(model, Ids, folder.Path, cancellation: Cancellation));
        Assert.Equal($"{folder.File(name)} exists; give another folder, or force its replacement.", e.Message);
        Assert.Equal("mine", File.ReadAllText(folder.File(name)));
        Assert.Equal([name], folder.Names());

        TraceFile.Write(model, Ids, folder.Path, new() { Force = true, Positions = [0] }, Cancellation);
        Assert.Equal(["manifest.json", "stages.safetensors"], folder.Names());
        Assert.Equal(PackKind.Trace, GoldenPack.Open(folder.Path).Kind);
    }

    [Fact]
    public void A_trace_that_is_stopped_leaves_nothing()
    {
        using var folder = new TemporaryFolder();
        using Transformer model = Tiny();
        using var source = new CancellationTokenSource();
        var options = new TraceFileOptions { Progress = new Stopping(source) };
        int[] ids = [.. Enumerable.Repeat(5, 600)];
        Assert.Throws<OperationCanceledException>(() => TraceFile.Write(model, ids, folder.File("trace"), options, source.Token));
        Assert.Empty(folder.Names());
    }

    [Theory]
    [InlineData(new int[0], "There are no positions to trace.")]
    [InlineData(new[] { 24 }, "Position 24 is wanted; positions must ascend within 0 to 23.")]
    [InlineData(new[] { 3, 3 }, "Position 3 is wanted; positions must ascend within 0 to 23.")]
    public void Positions_that_cannot_be_are_refused(int[] positions, string sentence)
    {
        using Transformer model = Tiny();
        var e = Assert.Throws<ArgumentException>(() => Tracer.Record(model, Ids, new() { Positions = positions }, Cancellation));
        Assert.StartsWith(sentence, e.Message);
    }

    [Fact]
    public void Stages_that_do_not_exist_are_refused()
    {
        using Transformer model = Tiny();
        var e = Assert.Throws<StageNameException>(() => Tracer.Record(model, Ids, new() { Stages = StageFilter.Parse("block.6.*") }, Cancellation));
        Assert.StartsWith("No stage of a model of 6 layers matches 'block.6.*'", e.Message);
    }

    private sealed class Stopping(CancellationTokenSource source) : IProgress<int>
    {
        public void Report(int value) => source.Cancel();
    }
}
