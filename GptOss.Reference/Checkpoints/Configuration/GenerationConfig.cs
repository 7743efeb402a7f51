using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>The end tokens of <c>generation_config.json</c>.</summary>
/// <remarks>Source: the published files; <c>eos_token_id</c> is [200002, 199999, 200012] in the released models. 200007 must not be among
/// them.</remarks>
/// <param name="EosTokenIds">Ids that end a turn, as listed; empty where the file names none.</param>
internal sealed record GenerationConfig(IReadOnlyList<int> EosTokenIds)
{
    /// <summary>Reads the file in <paramref name="folder"/>; null where there is none.</summary>
    /// <exception cref="CheckpointFormatException">Unreadable, not JSON, or ids that are not non-negative integers.</exception>
    public static GenerationConfig? Find(string folder)
    {
        string path = Path.Combine(folder, "generation_config.json");
        return File.Exists(path) ? Read(path) : null;
    }

    /// <summary>Reads a generation configuration. <c>eos_token_id</c> may be one id, a list, null or missing.</summary>
    /// <exception cref="CheckpointFormatException">Unreadable, not JSON, or ids that are not non-negative integers.</exception>
    public static GenerationConfig Read(string path)
    {
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, "config-json");
        if (!document.RootElement.TryGetProperty("eos_token_id", out JsonElement value) || value.ValueKind == JsonValueKind.Null)
            return new GenerationConfig([]);
        return new GenerationConfig(value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(Id)] : [Id(value)]);

        int Id(JsonElement id) => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int number) && number >= 0
            ? number
            : throw new CheckpointFormatException(path, "config-value",
                $"eos_token_id holds {JsonDocuments.Shown(id)}; expected ids from 0 to {int.MaxValue}.");
    }
}
