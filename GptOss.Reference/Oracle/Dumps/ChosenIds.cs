using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>Token ids that another program chose greedily, one a position: a JSON list, or an object that holds it as <c>ids</c> or <c>chosen</c>.</summary>
public static class ChosenIds
{
    private const string Rule = "chosen";

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointFormatException">It cannot be read, or is not a list of token ids.</exception>
    public static IReadOnlyList<int> Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using JsonDocument document = JsonDocuments.ParseAny(Files.ReadAll(path, JsonDocuments.MaxBytes), path, Rule);
        JsonElement list = document.RootElement;
        if (list.ValueKind == JsonValueKind.Object && (list.TryGetProperty("chosen", out JsonElement inner) || list.TryGetProperty("ids", out inner)))
            list = inner;
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
            throw new CheckpointFormatException(path, Rule, "there is no list of token ids; expected [17, 4, …].");
        return
        [
            .. list.EnumerateArray().Select((item, i) => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int id) && id >= 0 ? id
                : throw new CheckpointFormatException(path, Rule, $"entry {i} is {JsonDocuments.Shown(item)}; expected a token id.")),
        ];
    }
}
