using System.Globalization;
using GptOss.Cli.Generate;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Ceilings;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Bench;

/// <summary>What <c>bench</c> prints: every repeat as JSON, or a table of medians.</summary>
internal static class BenchReport
{
    internal static string Json(Transformer model, MachineCeilings ceilings, BenchRuns bench) => GenerateJson.Write(json =>
    {
        json.WriteStartObject();
        json.WriteNumber("read_gb_per_s", ceilings.ReadBytesPerSecond / 1e9);
        json.WriteNumber("fma_gflop_per_s", ceilings.FmaOperationsPerSecond / 1e9);
        json.WriteNumber("threads", model.Threads);
        json.WriteString("width", Arguments.Name(model.Width));
        json.WriteString("profile", model.Precision.Name());
        json.WriteNumber("bytes_saved_by_packing", model.BytesSavedByPacking);
        json.WriteNumber("peak_private_bytes", bench.PeakPrivateBytes);
        json.WriteString("logits_hash", bench.LogitsHash);
        json.WriteStartArray("runs");
        foreach (BenchRun run in bench.Runs)
        {
            json.WriteStartObject();
            json.WriteString("kind", run.Kind);
            json.WriteNumber("tokens", run.Tokens);
            json.WriteNumber("context", run.Context);
            json.WriteNumber("tokens_per_s", run.TokensPerSecond);
            json.WriteNumber("gb_per_s", run.BytesPerSecond / 1e9);
            json.WriteNumber("bandwidth_fraction", run.BytesPerSecond / ceilings.ReadBytesPerSecond);
            json.WriteNumber("gflop_per_s", run.OperationsPerSecond / 1e9);
            json.WriteNumber("fma_fraction", run.OperationsPerSecond / ceilings.FmaOperationsPerSecond);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    internal static string Table(Transformer model, MachineCeilings ceilings, BenchRuns bench)
    {
        var rows = new List<string[]> { (string[])["", "tokens", "context", "tokens/s", "GB/s", "of read", "GFLOP/s", "of FMA"] };
        foreach (IGrouping<string, BenchRun> kind in bench.Runs.GroupBy(run => run.Kind))
        {
            BenchRun median = kind.OrderBy(run => run.Seconds).ElementAt(kind.Count() / 2);
            rows.Add(
            [
                median.Kind, Of(median.Tokens, "N0"), Of(median.Context, "N0"), Of(median.TokensPerSecond, "F2"),
                Of(median.BytesPerSecond / 1e9, "F1"), Of(median.BytesPerSecond / ceilings.ReadBytesPerSecond, "P0"),
                Of(median.OperationsPerSecond / 1e9, "F0"), Of(median.OperationsPerSecond / ceilings.FmaOperationsPerSecond, "P0"),
            ]);
        }
        int repeats = bench.Runs.Count / Math.Max(1, rows.Count - 1);
        return string.Create(CultureInfo.InvariantCulture, $"""
            read bandwidth {ceilings.ReadBytesPerSecond / 1e9:F1} GB/s over {Text.Short(ceilings.ReadBytes)}, FMA peak {ceilings.FmaOperationsPerSecond / 1e9:F0} GFLOP/s
            {model.Threads} threads, width {Arguments.Name(model.Width)}, {model.Precision.Name()}{(model.BytesSavedByPacking > 0 ? $", {Text.Short(model.BytesSavedByPacking)} a token saved by packing" : "")}; medians of {repeats}

            {Text.Table(rows, 1, 2, 3, 4, 5, 6, 7).TrimEnd()}

            peak private memory {Text.Short(bench.PeakPrivateBytes)}, the mapped weights apart
            logits_hash {bench.LogitsHash}
            """);
    }

    private static string Of(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
