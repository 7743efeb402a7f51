using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;
using GptOss.Reference.Oracle.Verification;

namespace GptOss.Cli.Verify;

/// <summary>The object that <c>verify --json</c> prints.</summary>
internal static class VerifyJson
{
    internal static string Of(IReadOnlyList<PackReport> reports, bool passed) => JsonText.Of(json =>
    {
        json.WriteStartObject();
        json.WriteBoolean("passed", passed);
        json.WriteStartArray("packs");
        foreach (PackReport report in reports)
        {
            json.WriteStartObject();
            json.WriteString("pack", report.Pack);
            json.WriteBoolean("passed", report.Passed);
            if (report.Files.Count > 0)
                Write(json, report.Files);
            json.WriteStartArray("sections");
            foreach (PackSection section in report.Sections)
                Write(json, section);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    });

    private static void Write(Utf8JsonWriter json, IReadOnlyList<FileReport> files)
    {
        json.WriteStartArray("files");
        foreach (FileReport file in files)
        {
            json.WriteStartObject();
            json.WriteString("file", file.Listed.File);
            json.WriteNumber("bytes", file.Listed.Bytes);
            json.WriteString("sha256", file.Listed.Sha256);
            if (file.FoundBytes is { } bytes)
                json.WriteNumber("found_bytes", bytes);
            if (file.FoundSha256 is { } hash)
                json.WriteString("found_sha256", hash);
            json.WriteBoolean("passed", file.Passed);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, PackSection section)
    {
        json.WriteStartObject();
        json.WriteString("title", section.Title);
        json.WriteString("profile", section.Precision.Name());
        json.WriteBoolean("passed", section.Passed);
        if (section.LogitsHash is not null)
            json.WriteString("logits_hash", section.LogitsHash);
        if (section.ExpectedLogitsHash is not null)
            json.WriteString("expected_logits_hash", section.ExpectedLogitsHash);
        json.WriteStartArray("stages");
        foreach (StageReport stage in section.Stages)
        {
            json.WriteStartObject();
            json.WriteString("stage", stage.Name);
            json.WriteFinite("error", stage.Error);
            json.WriteFinite("budget", stage.Allowed);
            json.WriteNumber("rows", stage.Rows);
            if (stage.EqualBits is { } equal)
                json.WriteFinite("equal_bits", equal);
            json.WriteBoolean("passed", stage.Passed);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteStartArray("notes");
        foreach (string note in section.Notes)
            json.WriteStringValue(note);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // JSON has no infinity: the error of a stage with a NaN cannot be written.
}
