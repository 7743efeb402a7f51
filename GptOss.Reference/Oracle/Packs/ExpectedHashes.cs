using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>The logits hashes that a folder of packs expects: <c>logits_hashes.json</c>, {"pack": {"float32": "…", "bfloat16": "…"}}.</summary>
internal static class ExpectedHashes
{
    internal const string FileName = "logits_hashes.json";
    private const string Rule = "pack-hashes";

    internal static string? Find(string packFolder, string pack, Precision precision)
    {
        string path = Path.Combine(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(packFolder))) ?? packFolder, FileName);
        if (!File.Exists(path))
            return null;
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, Rule);
        if (!document.RootElement.TryGetProperty(pack, out JsonElement hashes))
            return null;
        if (hashes.ValueKind != JsonValueKind.Object)
            throw new CheckpointFormatException(path, Rule, $"'{Printable.Clip(pack)}' is {JsonDocuments.Shown(hashes)}; expected an object.");
        string profile = precision.Name();
        if (!hashes.TryGetProperty(profile, out JsonElement hash))
            return null;
        return JsonDocuments.Text(hash) is { } text && IsHash(text) ? text
            : throw new CheckpointFormatException(path, Rule,
                $"'{Printable.Clip(pack)}'.{profile} is {JsonDocuments.Shown(hash)}; expected 64 lower-case hexadecimal digits.");
    }

    /// <summary>Whether a text is a SHA-256 in lower-case hexadecimal.</summary>
    internal static bool IsHash(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);
}
