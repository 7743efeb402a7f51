using System.Globalization;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Cli.Bench;

/// <summary>What <c>llama-bench -o json</c> wrote: one model, any number of tests.</summary>
/// <remarks>
/// Source: <c>tools/llama-bench/llama-bench.cpp</c> of ggml-org/llama.cpp. A test of prompt and generation together (<c>-pg</c>) has one time for
/// both and is left out. <c>n_depth</c> came later than the rest and is 0 where it is missing.
/// </remarks>
/// <param name="Model">File and type of the weights.</param>
/// <param name="Build">The build of llama.cpp, number and commit.</param>
/// <param name="Threads">Its threads.</param>
/// <param name="Runs">Its tests, at least one.</param>
internal sealed record PeerBench(string Model, string Build, int Threads, IReadOnlyList<PeerRun> Runs)
{
    private const string Rule = "peer-bench";
    private const int MostBytes = 1 << 20, MostTokens = 1 << 24;

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointFormatException">It is not such output, or of several models or numbers of threads.</exception>
    internal static PeerBench Read(string path)
    {
        using JsonDocument document = JsonDocuments.ParseAny(Files.ReadAll(path, MostBytes), path, Rule, "the output of llama-bench -o json");
        CheckpointFormatException Bad(string sentence) => new(path, Rule, sentence);
        if (document.RootElement.ValueKind != JsonValueKind.Array)
            throw Bad("the document is not a list of tests; expected the output of llama-bench -o json.");
        PeerBench? peer = null;
        var runs = new List<PeerRun>();
        int at = 0;
        foreach (JsonElement test in document.RootElement.EnumerateArray())
        {
            if (test.ValueKind != JsonValueKind.Object)
                throw Bad($"test {at} is {JsonDocuments.Shown(test)}; expected an object.");
            var fields = new Fields(test, at, Bad);
            string type = fields.Text("model_type", ""), file = fields.FileName("model_filename");
            int number = fields.Integer("build_number", 0);
            PeerBench described = new(type.Length == 0 ? file : $"{file} ({type})",
                $"{(number == 0 ? "" : number)} {fields.Text("build_commit", "")}".Trim(), fields.Integer("n_threads", null), runs);
            if (peer is not null && peer != described)
            {
                throw Bad($"test {at} is of {described.Model} on {described.Threads} threads and test 0 of {peer.Model} on {peer.Threads}; " +
                    "give one file for each.");
            }
            peer ??= described;
            int prompt = fields.Integer("n_prompt", null), generated = fields.Integer("n_gen", null), depth = fields.Integer("n_depth", 0);
            double speed = fields.Number("avg_ts", null), deviation = fields.Number("stddev_ts", 0);
            if (speed == 0)
                throw Bad($"avg_ts of test {at} is 0; expected tokens a second.");
            if (prompt > 0 != generated > 0)
                runs.Add(prompt > 0 ? new("prefill", prompt, depth, speed, deviation) : new("decode", generated, depth, speed, deviation));
            at++;
        }
        return peer is not null && runs.Count > 0 ? peer : throw Bad("no test times a prompt alone or generation alone.");
    }

    /// <summary>Both side by side, our medians beside its means.</summary>
    internal string Table(IReadOnlyList<BenchRun> ours, int threads)
    {
        string table = Output.Text.Table(
        [
            ["", "tokens", "context", "peer tokens/s", "ours", "ours / peer"],
            .. from run in Runs
               let mine = Like(ours, run)
               select (string[])
               [
                   run.Kind, Of(run.Tokens, "N0"), Of(run.Context, "N0"), $"{Of(run.TokensPerSecond, "F2")} ± {Of(run.Deviation, "F2")}",
                   mine is { } speed ? Of(speed, "F2") : "not run", mine is { } fast ? Of(fast / run.TokensPerSecond, "F2") : "",
               ],
        ], 1, 2, 3, 4, 5);
        string note = threads == Threads ? ""
            : $"\nThe peer ran on {Output.Text.Count(Threads, "thread")}, this on {threads}: compare like with like.";
        return $"peer: {Model}, {$"llama.cpp {Build}".TrimEnd()}, {Output.Text.Count(Threads, "thread")}; means\n\n{table}{note}".TrimEnd();
    }

    /// <summary>The same as a member of the JSON object.</summary>
    internal void Write(Utf8JsonWriter json, IReadOnlyList<BenchRun> ours)
    {
        json.WriteStartObject("peer");
        json.WriteString("model", Model);
        json.WriteString("build", Build);
        json.WriteNumber("threads", Threads);
        json.WriteStartArray("runs");
        foreach (PeerRun run in Runs)
        {
            json.WriteStartObject();
            json.WriteString("kind", run.Kind);
            json.WriteNumber("tokens", run.Tokens);
            json.WriteNumber("context", run.Context);
            json.WriteNumber("tokens_per_s", run.TokensPerSecond);
            json.WriteNumber("deviation", run.Deviation);
            if (Like(ours, run) is { } mine)
                json.WriteNumber("ratio", mine / run.TokensPerSecond);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static double? Like(IReadOnlyList<BenchRun> ours, PeerRun run)
    {
        double[] like = [.. ours.Where(run.IsLike).Select(one => one.TokensPerSecond).Order()];
        return like.Length == 0 ? null : like[like.Length / 2];
    }

    private static string Of(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    /// <summary>The members of one test; those without a default must be there.</summary>
    private readonly struct Fields(JsonElement test, int at, Func<string, CheckpointFormatException> bad)
    {
        internal string Text(string name, string absent) => Get(name, isRequired: false) is not { } value ? absent
            : Printable.Clip(JsonDocuments.Text(value) ?? throw Unfit(name, value, "text"));

        // The name alone, of a path on any system.
        internal string FileName(string name)
        {
            JsonElement value = Get(name, isRequired: true)!.Value;
            string path = JsonDocuments.Text(value) ?? throw Unfit(name, value, "text");
            return Printable.Clip(path[(path.LastIndexOfAny(['/', '\\']) + 1)..]);
        }

        internal int Integer(string name, int? absent) => Get(name, absent is null) is not { } value ? absent!.Value
            : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number is >= 0 and <= MostTokens ? number
            : throw Unfit(name, value, $"an integer from 0 to {MostTokens}");

        internal double Number(string name, double? absent) => Get(name, absent is null) is not { } value ? absent!.Value
            : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number is >= 0 and <= 1e12 ? number
            : throw Unfit(name, value, "a number from 0");

        private JsonElement? Get(string name, bool isRequired) => test.TryGetProperty(name, out JsonElement value) ? value
            : !isRequired ? null : throw bad($"test {at} has no {name}; expected the output of llama-bench -o json.");

        private CheckpointFormatException Unfit(string name, JsonElement value, string expected) =>
            bad($"{name} of test {at} is {JsonDocuments.Shown(value)}; expected {expected}.");
    }
}
