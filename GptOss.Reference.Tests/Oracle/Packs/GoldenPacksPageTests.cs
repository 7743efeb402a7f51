using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using GptOss.Cli.Options;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Stages;
using GptOss.Reference.Oracle.Synthetic;
using GptOss.Reference.Oracle.Traces;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Model;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;

namespace GptOss.Reference.Tests.Oracle.Packs;

/// <summary>The Python of docs/golden-packs.md reads what our reader reads.</summary>
public sealed class GoldenPacksPageTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.Bfloat16)]
    public void Its_reader_sees_the_values_the_hash_and_the_budgets_that_ours_sees(Precision precision)
    {
        int[] positions = [0, 1, 4, 9];
        SyntheticCheckpoint.Write(_folder.File("model"), SmallModels.Smallest, 7, cancellation: Cancellation);
        using var model = Transformer.Load(_folder.File("model"), new() { Precision = precision, Threads = 1 });
        string hash = TraceFile.Write(model, SmallModels.Ids(10, model.Config.VocabSize, seed: 3), _folder.File("pack"),
            new() { Positions = positions, Pack = new() }, Cancellation);
        _folder.Write("reader.py", Block("reader"));
        _folder.Write("budget.py", Block("budget"));
        _folder.Write("check.py", """
            import hashlib, json, struct, sys
            from budget import budget
            from reader import logits_hash, read_pack

            manifest, stages = read_pack(sys.argv[1])
            json.dump({"hash": logits_hash(stages["logits"][1]), "stages": {name: {
                "shape": shape,
                "sha256": hashlib.sha256(struct.pack(f"<{len(values)}{'i' if isinstance(values[0], int) else 'f'}", *values)).hexdigest(),
                "budgets": [budget(manifest, name, position) for position in manifest["positions"]],
            } for name, (shape, values) in stages.items()}}, sys.stdout)
            """);

        JsonElement seen = JsonDocument.Parse(Python("check.py", "pack")).RootElement;
        Assert.Equal(hash, seen.GetProperty("hash").GetString());
        var pack = GoldenPack.Open(_folder.File("pack"));
        var trace = pack.ReadTrace(precision, model.Config);
        Assert.Equal(trace.Stages.Select(stage => stage.Key.Name), seen.GetProperty("stages").EnumerateObject().Select(stage => stage.Name));
        StageBudgets budgets = pack.Budgets.Of(precision);
        foreach (StageRows stage in trace.Stages)
        {
            JsonElement read = seen.GetProperty("stages").GetProperty(stage.Key.Name);
            ReadOnlySpan<byte> bytes = stage.Key.IsExperts
                ? MemoryMarshal.AsBytes(stage.ExpertNumbers.AsSpan())
                : MemoryMarshal.AsBytes(stage.Values.AsSpan());
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), read.GetProperty("sha256").GetString());
            Assert.Equal([positions.Length, .. stage.Key.RowShape(model.Config)], read.GetProperty("shape").EnumerateArray()
                .Select(size => size.GetInt64()));
            for (int row = 0; row < positions.Length; row++)
            {
                JsonElement budget = read.GetProperty("budgets")[row];
                Assert.Equal(budgets.Has(stage.Key.Stage), budget.ValueKind == JsonValueKind.Number);
                if (budgets.Has(stage.Key.Stage))
                    Assert.Equal(budgets.Of(stage.Key, positions[row], model.Rotary, model.Config), budget.GetDouble(), 1e-15);
            }
        }
    }

    [Fact]
    public void Its_reader_says_what_it_found()
    {
        SyntheticCheckpoint.Write(_folder.File("model"), SmallModels.Smallest, 7, cancellation: Cancellation);
        using (var model = Transformer.Load(_folder.File("model"), new() { Threads = 1 }))
        {
            TraceFile.Write(model, new[] { 1, 2 }, _folder.File("pack"), new() { Stages = StageFilter.Parse("norm,logits"), Pack = new() },
                Cancellation);
        }
        _folder.Write("reader.py", Block("reader"));
        Assert.Equal("norm [2, 32]\nlogits [2, 64]\nhash as stated: True\n", Python("reader.py", "pack").ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Its_reader_is_short() => Assert.InRange(Block("reader").Split('\n').Count(line => line.Length > 0), 10, 30);

    [Fact]
    public void Its_size_of_a_position_is_the_20b_s()
    {
        long each =
            TraceFile.SizeOf(PublishedShapes.Gpt20b, 101, StageFilter.All, Precision.Float32) - TraceFile.SizeOf(PublishedShapes.Gpt20b, 1,
                StageFilter.All, Precision.Float32);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"takes {each / 100 / 1e6:F1} MB a position"), Page(), StringComparison.Ordinal);
    }

    private static string Page()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not here.");
        return File.ReadAllText(Path.Combine(Repository.Root!, "docs", "golden-packs.md")).ReplaceLineEndings("\n");
    }

    private static string Block(string name) => Page().Split($"<!-- {name} -->\n```python\n")[1].Split("```\n")[0];

    private string Python(params string[] args)
    {
        var start = new ProcessStartInfo("python3") { WorkingDirectory = _folder.Path, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string arg in args)
            start.ArgumentList.Add(arg);
        Process? process = null;
        try
        {
            process = Process.Start(start);
        }
        catch (Win32Exception)
        {
            Assert.Skip("python3 is not on this machine.");
        }
        using (process)
        {
            Task<string> error = process!.StandardError.ReadToEndAsync(Cancellation);
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, error.GetAwaiter().GetResult());
            return output;
        }
    }
}
