using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Verification;

namespace GptOss.Cli.Verify;

/// <summary>What <c>verify</c> prints for people: a line for each pack as it is done, what failed in it, and one verdict.</summary>
/// <param name="terminal">Where it prints.</param>
/// <param name="isVerbose">Whether every file and stage is printed.</param>
internal sealed class VerifyText(Terminal terminal, bool isVerbose)
{
    private const int NameWidth = 40, FailuresShown = 8;

    /// <summary>One pack.</summary>
    internal void Print(PackReport report)
    {
        if (isVerbose)
            PrintAll(report);
        string verdict = report.Passed ? "ok" : "FAILED";
        WriteLine($"{report.Pack.PadRight(NameWidth)}  {verdict,-6}  {Summary(report)}");
        if (isVerbose)
            terminal.Out.WriteLine();
        else if (!report.Passed)
            PrintFailures(report);
    }

    /// <summary>The verdict on all.</summary>
    internal void Conclude(IReadOnlyList<PackReport> reports)
    {
        PackReport[] failed = [.. reports.Where(report => !report.Passed)];
        int stages = reports.Sum(Stages);
        WriteLine(failed.Length == 0
            ? $"PASSED: {Text.Count(reports.Count, "pack")}, {stages.ToString("N0", CultureInfo.InvariantCulture)} stages compared."
            : $"FAILED: {failed.Length} of {Text.Count(reports.Count, "pack")}; {failed[0].Pack}: {FirstFailure(failed[0])}.");
    }

    private static int Stages(PackReport report) => report.Sections.Sum(section => section.Stages.Count);

    /// <summary>44 stages; nearest to its budget block.1.mlp.swiglu, 0.41 of it.</summary>
    private static string Summary(PackReport report)
    {
        StageReport? nearest = report.Sections.SelectMany(section => section.Stages).MaxBy(Ratio);
        string share = nearest is null || Ratio(nearest) == 0 ? ""
            : string.Create(CultureInfo.InvariantCulture, $"; nearest to its budget {nearest.Name}, {Ratio(nearest):0.00} of it");
        string files = report.Files.Count > 0 ? $", {Text.Count(report.Files.Count, "file")}" : "";
        return $"{Text.Count(Stages(report), "stage")}{files}{share}";
    }

    private static double Ratio(StageReport stage) => stage.Error == 0 ? 0 : stage.Error / stage.Allowed;

    private static string FirstFailure(PackReport report) =>
        report.Files.FirstOrDefault(file => !file.Passed) is { } file ? $"{file.Listed.File} {Verdict(file)["FAILED, ".Length..]}"
        : report.Sections.Select(section => section.FirstFailure).FirstOrDefault(stage => stage is not null) is { } stage
        ? $"{stage.Name} is the first stage that failed"
        : report.Sections.Any(section => section.HashDiffers) ? "another logits hash"
        : "nothing in it can be compared";

    private void PrintFailures(PackReport report)
    {
        foreach (FileReport file in report.Files.Where(file => !file.Passed))
            WriteLine($"  {file.Listed.File}: {Verdict(file)}");
        foreach (PackSection section in report.Sections)
        {
            StageReport[] failed = [.. section.Stages.Where(stage => !stage.Passed)];
            foreach (StageReport stage in failed.Take(FailuresShown))
                WriteLine($"  {section.Title}, {stage.Name}: error {Text.Error(stage.Error)}, budget {Text.Error(stage.Allowed)}, {Verdict(stage)}");
            if (failed.Length > FailuresShown)
                terminal.Out.WriteLine($"  {section.Title}: {failed.Length - FailuresShown} more stages failed; --verbose prints all.");
            if (section.HashDiffers)
                WriteLine($"  {section.Title}: {Hash(section)}");
        }
    }

    /// <summary>Files and stages, line by line.</summary>
    private void PrintAll(PackReport report)
    {
        if (report.Files.Count > 0)
        {
            terminal.Out.WriteLine($"{report.Pack}, files");
            Write(Text.Table(
            [
                ["  file", "bytes", "verdict"],
                .. report.Files.Select(file =>
                    new[] { "  " + file.Listed.File, file.Listed.Bytes.ToString("N0", CultureInfo.InvariantCulture), Verdict(file) }),
            ], 1));
            terminal.Out.WriteLine();
        }
        foreach (PackSection section in report.Sections)
        {
            terminal.Out.WriteLine($"{report.Pack}, {section.Title}");
            if (section.Stages.Count > 0)
            {
                Write(Text.Table(
                [
                    ["  stage", "error", "budget", "verdict"],
                    .. section.Stages.Select(stage =>
                        new[] { "  " + stage.Name, Text.Error(stage.Error), Text.Error(stage.Allowed), Verdict(stage) }),
                ], 1, 2));
            }
            foreach (string note in section.Notes)
                terminal.Out.WriteLine($"  {note}");
            if (section.LogitsHash is not null)
                WriteLine($"  {Hash(section)}");
            terminal.Out.WriteLine();
        }
    }

    private static string Hash(PackSection section) => $"logits_hash {section.LogitsHash}"
        + (section.ExpectedLogitsHash is null ? "" : section.HashDiffers ? $"  FAILED, expected {section.ExpectedLogitsHash}" : "  as expected");

    private static string Verdict(FileReport file) =>
        file.FoundBytes is not { } bytes ? "FAILED, missing"
        : bytes != file.Listed.Bytes ? string.Create(CultureInfo.InvariantCulture, $"FAILED, has {bytes:N0} bytes")
        : file.FoundSha256 is null ? "ok, content not read"
        : file.Passed ? "ok" : $"FAILED, another content: sha256 {file.FoundSha256}, expected {file.Listed.Sha256}";

    private static string Verdict(StageReport stage)
    {
        string bits = stage.EqualBits is { } equal ? string.Create(CultureInfo.InvariantCulture, $", {100 * equal:F2} % equal bits") : "";
        return (stage.Passed ? "ok" : "FAILED") + bits;
    }

    // What failed is red.
    private void Write(string text) => terminal.Write(text, "FAILED");

    private void WriteLine(string text)
    {
        Write(text);
        terminal.Out.WriteLine();
    }
}
