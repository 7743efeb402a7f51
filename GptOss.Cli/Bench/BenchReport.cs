using System.Globalization;
using GptOss.Cli.Options;
using GptOss.Cli.Output;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Cli.Bench;

/// <summary>What <c>bench</c> prints: every repeat as JSON, or a table of medians.</summary>
internal static class BenchReport
{
    internal static string Json(Transformer model, BenchCeilings ceilings, BenchRuns bench, PeerBench? peer) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        ceilings.Write(json);
        if (model.Placement is { } placement)
            json.WriteString("placement", placement);
        json.WriteNumber("threads", model.Threads);
        json.WriteString("width", RunArguments.Name(model.Width));
        json.WriteString("profile", model.Precision.Name());
        json.WriteNumber("bytes_saved_by_packing", model.BytesSavedByPacking);
        if (PrivateMemory.Pages() is { Bytes: > 0, Large: { } large } pages)
            json.WriteNumber("large_page_share", (double)large / pages.Bytes);
        if (bench.DiskBytes is { } disk)
            json.WriteNumber("disk_bytes", disk);
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
            json.WriteNumber("bandwidth_fraction", run.BytesPerSecond / ceilings.BytesPerSecond);
            json.WriteNumber("gflop_per_s", run.OperationsPerSecond / 1e9);
            if (ceilings.OperationsPerSecond is { } most)
                json.WriteNumber("fma_fraction", run.OperationsPerSecond / most);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        peer?.Write(json, bench.Runs);
        json.WriteEndObject();
    });

    internal static string Table(Transformer model, BenchCeilings ceilings, BenchRuns bench, PeerBench? peer)
    {
        BenchRun[][] kinds = [.. bench.Runs.GroupBy(run => (run.Kind, run.Tokens, run.Context))
            .Select(kind => kind.OrderBy(run => run.Seconds).ToArray())];
        string table = Text.Table(
        [
            ["", "tokens", "context", "tokens/s", "GB/s", ceilings.OperationsPerSecond is null ? "of copies" : "of read", "GFLOP/s", "of FMA"],
            .. kinds.Select(runs => Row(runs[runs.Length / 2], ceilings)),
        ], 1, 2, 3, 4, 5, 6, 7);
        return string.Join('\n',
        [
            ceilings.Title,
            Settings(model) + $"; medians of {Text.Count(kinds[0].Length, "run")}",
            "",
            table,
            $"peak private memory {Text.Short(bench.PeakPrivateBytes)}, without the mapped weights",
            .. LargePages(),
            $"logits_hash {bench.LogitsHash}",
            .. peer is null ? (string[])[] : ["", peer.Table(bench.Runs, model.Threads)],
        ]);
    }

    private static string Settings(Transformer model)
    {
        string settings = $"{Text.Count(model.Threads, "thread")}, width {RunArguments.Name(model.Width)}, {model.Precision.Name()}";
        return settings + model.BytesSavedByPacking switch
        {
            0 => "",
            > 0 and var saved => $", packing saves {Text.Short(saved)} a token",
            var saved => $", rows laid out for 8-bit products are {Text.Short(-saved)} longer a token",
        };
    }

    // Weights that were preloaded or packed; the mapped ones lie on the system's own pages.
    private static string[] LargePages() => PrivateMemory.Pages() switch
    {
        { Bytes: 0 } => [],
        { Large: null } pages => [$"weights in private memory {Text.Short(pages.Bytes)}; the system does not say on which pages"],
        var pages => [$"weights in private memory {Text.Short(pages.Bytes)}, {Of((double)pages.Large / pages.Bytes, "P1")} on large pages"],
    };

    private static string[] Row(BenchRun run, BenchCeilings ceilings) =>
    [
        run.Kind, Of(run.Tokens, "N0"), Of(run.Context, "N0"), Of(run.TokensPerSecond, "F2"),
        Of(run.BytesPerSecond / 1e9, "F1"), Of(run.BytesPerSecond / ceilings.BytesPerSecond, "P0"),
        Of(run.OperationsPerSecond / 1e9, "F0"), ceilings.OperationsPerSecond is { } most ? Of(run.OperationsPerSecond / most, "P0") : "",
    ];

    private static string Of(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
