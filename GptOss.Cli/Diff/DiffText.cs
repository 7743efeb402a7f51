using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Diff;

namespace GptOss.Cli.Diff;

/// <summary>What <c>diff</c> prints for people: the stages as a table, then the first one over budget from near.</summary>
internal static class DiffText
{
    private const int ReasonsShown = 8;

    internal static void Print(TraceDifference difference, Terminal terminal)
    {
        if (difference.Prompts is { } prompts)
            WriteLine($"DIFFERENT PROMPTS: {Verdict(prompts)}", terminal);
        foreach (string reading in difference.Readings)
            terminal.Out.WriteLine($"Reading: {reading}");
        if (difference.Prompts is not null || difference.Readings.Count > 0)
            terminal.Out.WriteLine();
        if (difference.Stages.Count > 0)
        {
            Write(Text.Table(
            [
                ["stage", "max", "rms", "relative", "budget", "cosine", "verdict"],
                .. difference.Stages.Select(stage => new[]
                {
                    stage.Stage, Text.Error(stage.Max), Text.Error(stage.Rms), Text.Error(stage.Relative),
                    stage.Budget is { } budget ? Text.Error(budget) : "none",
                    stage.Cosine is { } cosine ? cosine.ToString("F6", CultureInfo.InvariantCulture) : "", Verdict(stage),
                }),
            ], 1, 2, 3, 4, 5), terminal);
            terminal.Out.WriteLine();
        }
        List<IGrouping<string, NotCompared>> reasons = [.. difference.NotCompared.GroupBy(not => not.Reason)];
        foreach (IGrouping<string, NotCompared> reason in reasons.Take(ReasonsShown))
            terminal.Out.WriteLine($"Not compared: {Names([.. reason.Select(not => not.Name)])} ({reason.Key}).");
        if (reasons.Count > ReasonsShown)
            terminal.Out.WriteLine($"Not compared: {reasons.Skip(ReasonsShown).Sum(reason => reason.Count())} more; --json lists all.");
        foreach (StageDifference stage in difference.Stages)
        {
            if (stage.Agreement is { } agreement)
            {
                terminal.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{stage.Stage}: KL {Text.Error(agreement.MeanKl)} in the mean, {Text.Error(agreement.LargestKl)} at most; " +
                        $"top-1 {Percent(agreement.Top1)}, top-5 {Percent(agreement.Top5)}."));
            }
        }
        StageDifference? shown = difference.Stages.FirstOrDefault(stage => stage.IsOverBudget)
            ?? difference.Stages.MaxBy(stage => stage.Budget > 0 ? stage.Relative / stage.Budget : 0);
        if (shown is { Worst.Count: > 0 })
            PrintNear(shown, terminal);
        if (difference.Prompts is null || difference.Stages.Count > 0)
            WriteLine((difference.Prompts is { } other ? $"Before position {other.Position}: " : "") + Conclusion(difference), terminal);
    }

    private static string Verdict(PromptDifference prompts) =>
        $"at position {prompts.Position} A has token {prompts.Reference} and B token {prompts.Candidate}, "
        + (prompts.Position == 0 ? "so nothing else is compared." : "so only the positions before it are compared.");

    private static void PrintNear(StageDifference stage, Terminal terminal)
    {
        terminal.Out.WriteLine($"{(stage.IsOverBudget ? "First over budget" : "Nearest to its budget")}: {stage.Stage}. Largest differences:");
        terminal.Out.Write(Text.Table(
        [
            ["  position", "index", "", "A", "B"],
            .. stage.Worst.Select(element => new[]
            {
                $"  {element.Place.Position}", $"[{string.Join(", ", element.Place.Index)}]", element.Meaning, Value(element.Reference),
                Value(element.Candidate),
            }),
        ], 0, 3, 4));
        PrintHistogram("float32", stage.Float32Ulps, terminal);
        PrintHistogram("bfloat16", stage.Bfloat16Ulps, terminal);
        terminal.Out.WriteLine();
    }

    private static void PrintHistogram(string type, UlpHistogram? histogram, Terminal terminal)
    {
        if (histogram is null || histogram.Total == 0)
            return;
        long last = -1;
        var counts = new List<string>();
        foreach (long upTo in (ReadOnlySpan<long>)[0, 1, 2, 16, 256, 65_536, long.MaxValue])
        {
            long count = histogram.Counts.Where(bucket => bucket.UpTo > last && bucket.UpTo <= upTo).Sum(bucket => bucket.Count);
            string label = upTo == long.MaxValue ? "more" : (upTo > 2 ? "≤" : "") + upTo.ToString("N0", CultureInfo.InvariantCulture);
            if (count > 0)
                counts.Add($"{label}: {Percent((double)count / histogram.Total)}");
            last = upTo;
        }
        string rest = histogram.NotComparable > 0 ? $"; NaN or infinite on one side: {histogram.NotComparable}" : "";
        terminal.Out.WriteLine($"  ulp of {type}  {string.Join(", ", counts)}{rest}");
    }

    private static string Names(IReadOnlyList<string> names) =>
        names.Count <= 4 ? string.Join(", ", names) : $"{string.Join(", ", names.Take(3))} and {names.Count - 3} more";

    private static string Conclusion(TraceDifference difference)
    {
        string profile = difference.Precision.Name();
        if (difference.Stages.Count == 0)
            return "DIFFERENT: nothing could be compared.";
        if (difference.IsIdentical)
            return "Identical, bit for bit.";
        if (difference.FirstOverBudget is { } place)
            return $"DIFFERENT: {place.Stage} is the first stage over the {profile} budget, first at position {place.Position}.";
        string first = difference.FirstDifference is { } bits
            ? $"; bits first differ in {bits.Stage} at position {bits.Position}, index [{string.Join(", ", bits.Index)}]"
            : ", and what was compared is the same, bit for bit";
        return $"Within the {profile} budget{first}.";
    }

    private static string Verdict(StageDifference stage) =>
        stage.FirstDifference is null ? "same bits"
        : stage.IsOverBudget ? $"OVER, first at position {stage.FirstOverBudget!.Position}"
        : stage.NearTies.Count > 0 ? "near tie"
        : stage.Budget is null ? "" : "ok";

    private static string Value(double value) => value.ToString("G9", CultureInfo.InvariantCulture);

    private static string Percent(double share) =>
        share is > 0 and < 0.0001 ? "<0.01 %" : string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.##} %");

    // What differs is red.
    private static void Write(string text, Terminal terminal) => terminal.Write(text, "OVER", "DIFFERENT");

    private static void WriteLine(string text, Terminal terminal)
    {
        Write(text, terminal);
        terminal.Out.WriteLine();
    }
}
