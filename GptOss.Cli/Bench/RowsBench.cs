using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;

namespace GptOss.Cli.Bench;

/// <summary>Passes of so many tokens of one sequence, with a row of logits for each, as guessing ahead makes them.</summary>
/// <param name="Context">Cached positions before them.</param>
/// <param name="Rows">Tokens of a pass.</param>
/// <param name="Seconds">Of every repeat, ascending.</param>
internal sealed record RowsRun(int Context, int Rows, double[] Seconds)
{
    internal double Median => Seconds[Seconds.Length / 2];
}

/// <summary>Times passes of one and of more tokens in turn: what a guessed row costs.</summary>
internal sealed class RowsBench(Transformer model, CancellationToken cancellation)
{
    /// <summary>Times each number of rows once to warm up and <paramref name="repeats"/> times, all of them in each repeat.</summary>
    internal RowsRun[] Run(int context, int[] rows, int repeats)
    {
        var logits = new LogitsBuffer();
        using Sequence sequence = model.NewSequence();
        int most = rows.Max();
        int[] ids = BenchRuns.Ids(context + (repeats + 1) * most, model.Config.VocabSize);
        double[][] seconds = [.. rows.Select(_ => new double[repeats])];
        for (int repeat = -1; repeat < repeats; repeat++)
        {
            for (int i = 0; i < rows.Length; i++)
            {
                // Back to the context; to the length that is left where a ring has overwritten what came before.
                int kept = sequence.Truncate(Math.Min(context, sequence.Length));
                TokenFeed feed = new(sequence, ids.AsMemory(kept, context - kept), LogitRows.None);
                while (feed.Left > 0)
                    model.Forward(feed.Next(), logits, cancellation);
                ReadOnlyMemory<int> tokens = ids.AsMemory(context + (repeat + 1) * most, rows[i]);
                long start = Stopwatch.GetTimestamp();
                model.Forward(new BatchItem(sequence, tokens, LogitRows.All), logits, cancellation);
                if (repeat >= 0)
                    seconds[i][repeat] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
        }
        return [.. rows.Zip(seconds, (count, all) => new RowsRun(context, count, [.. all.Order()]))];
    }

    internal static string Json(IEnumerable<RowsRun> runs) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("runs");
        foreach (RowsRun run in runs)
        {
            json.WriteStartObject();
            json.WriteNumber("context", run.Context);
            json.WriteNumber("rows", run.Rows);
            json.WriteStartArray("seconds");
            foreach (double seconds in run.Seconds)
                json.WriteNumberValue(seconds);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    internal static string Table(IReadOnlyList<RowsRun> runs)
    {
        int fewest = runs[0].Rows;
        string table = Text.Table(
        [
            ["context", "rows", "ms a pass", $"of {Text.Count(fewest, "row")}", "each more"],
            .. from run in runs
               let more = run.Median / runs.First(first => first.Context == run.Context).Median
               select new[]
               {
                   Of(run.Context, "N0"), Of(run.Rows, "N0"), Of(run.Median * 1000, "F1"), Of(more, "F2"),
                   run.Rows == fewest ? "" : Of((more - 1) / (run.Rows - fewest), "P0"),
               },
        ], 0, 1, 2, 3, 4);
        return $"passes of one sequence; medians of {Text.Count(runs[0].Seconds.Length, "run")}\n\n{table}".TrimEnd();
    }

    private static string Of(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
