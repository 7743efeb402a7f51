using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Verification;

namespace GptOss.Cli.Verify;

/// <summary>What <c>verify</c> prints for people.</summary>
internal static class VerifyText
{
    /// <summary>Files and stages of one pack, line by line.</summary>
    internal static void Print(PackReport report, Terminal terminal)
    {
        if (report.Files.Count > 0)
        {
            terminal.Out.WriteLine($"{report.Pack}, files");
            terminal.Out.Write(Paint(Text.Table(
            [
                ["  file", "bytes", "verdict"],
                .. report.Files.Select(file => new[] { "  " + file.Listed.File, file.Listed.Bytes.ToString("N0", CultureInfo.InvariantCulture), Verdict(file) }),
            ], 1), terminal));
            terminal.Out.WriteLine();
        }
        if (!report.Sections.Any(section => section.Compares))
            terminal.Out.WriteLine(Paint($"{report.Pack}: FAILED, nothing in it can be compared", terminal));
        foreach (PackSection section in report.Sections)
        {
            terminal.Out.WriteLine($"{report.Pack}, {section.Title}");
            if (section.Stages.Count > 0)
            {
                terminal.Out.Write(Paint(Text.Table(
                [
                    ["  stage", "error", "budget", "verdict"],
                    .. section.Stages.Select(stage => new[] { "  " + stage.Name, Number(stage.Error), Number(stage.Allowed), Verdict(stage) }),
                ], 1, 2), terminal));
            }
            foreach (string note in section.Notes)
                terminal.Out.WriteLine($"  {note}");
            if (section.LogitsHash is { } hash)
            {
                string verdict = section.ExpectedLogitsHash is null ? ""
                    : section.HashDiffers ? $"  FAILED, expected {section.ExpectedLogitsHash}"
                    : "  as expected";
                terminal.Out.WriteLine(Paint($"  logits_hash {hash}{verdict}", terminal));
            }
            terminal.Out.WriteLine();
        }
    }

    /// <summary>One line a pack.</summary>
    internal static void Summarise(IReadOnlyList<PackReport> reports, Terminal terminal)
    {
        static string Count(PackReport report) => $"{report.Sections.Sum(section => section.Stages.Count)} compared";
        terminal.Out.Write(Paint(Text.Table([.. reports.Select(report => new[] { report.Pack, Count(report), Verdict(report) })], 1), terminal));
    }

    private static string Verdict(PackReport report)
    {
        StageReport? first = report.Sections.Select(section => section.FirstFailure).FirstOrDefault(stage => stage is not null);
        return report.Passed ? "ok"
            : report.Files.FirstOrDefault(file => !file.Passed) is { } file ? $"FAILED, first at {file.Listed.File}"
            : first is not null ? $"FAILED, first at {first.Name}"
            : report.Sections.Any(section => section.HashDiffers) ? "FAILED, another logits hash"
            : "FAILED, nothing in it can be compared";
    }

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

    private static string Number(double value) =>
        value == 0 ? "0" : double.IsFinite(value) ? value.ToString("0.0e+0", CultureInfo.InvariantCulture) : "infinite";

    private static string Paint(string text, Terminal terminal) =>
        terminal.HasColor ? text.Replace("FAILED", "\e[31mFAILED\e[0m", StringComparison.Ordinal) : text;
}
