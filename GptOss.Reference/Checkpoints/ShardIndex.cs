using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>Which file holds which tensor: <c>model.safetensors.index.json</c> of the transformers layout.</summary>
/// <remarks>File names come only from <c>weight_map</c>: the published shards count from zero and the number after "of" is the last index, not the
/// count.</remarks>
internal sealed class ShardIndex
{
    internal const string FileName = "model.safetensors.index.json";

    private ShardIndex(string path, Dictionary<string, string> fileOf, double? totalSize)
    {
        (Path, FileOf, TotalSize) = (path, fileOf, totalSize);
        FileNames = [.. fileOf.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    internal string Path { get; }

    /// <summary>Tensor name → file name, without any folder.</summary>
    internal IReadOnlyDictionary<string, string> FileOf { get; }

    /// <summary>The distinct file names, in ordinal order.</summary>
    internal IReadOnlyList<string> FileNames { get; }

    /// <summary><c>metadata.total_size</c>, in bytes of tensors, where it is a number.</summary>
    internal double? TotalSize { get; }

    /// <exception cref="CheckpointFormatException">index-json, weight-map or shard-name.</exception>
    internal static ShardIndex Read(string path)
    {
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(path, JsonDocuments.MaxBytes), path, "index-json");
        if (!document.RootElement.TryGetProperty("weight_map", out JsonElement map) || map.ValueKind != JsonValueKind.Object)
            throw new CheckpointFormatException(path, "weight-map",
                "weight_map is missing or not an object; expected tensor names and the files that hold them.");
        var fileOf = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            string file = JsonDocuments.Text(entry.Value) ??
                throw new CheckpointFormatException(path, "weight-map",
                    $"weight_map '{Printable.Clip(entry.Name)}' is {JsonDocuments.Shown(entry.Value)}; expected a file name.");
            if (!IsPlainName(file))
                throw new CheckpointFormatException(path, "shard-name",
                    $"weight_map '{Printable.Clip(entry.Name)}' names the file '{Printable.Clip(file)}'; expected a plain name that ends in .safetensors.");
            fileOf.Add(entry.Name, file);
        }
        if (fileOf.Count == 0)
            throw new CheckpointFormatException(path, "weight-map", "weight_map is empty.");
        return new ShardIndex(path, fileOf, Size(document.RootElement));
    }

    private static double? Size(JsonElement root) =>
        root.TryGetProperty("metadata", out JsonElement metadata) && metadata.ValueKind == JsonValueKind.Object
        && metadata.TryGetProperty("total_size", out JsonElement size) && size.ValueKind == JsonValueKind.Number && size.TryGetDouble(out double bytes)
            ? bytes : null;

    /// <summary>A name inside the folder: no separator of any system, no drive, no control character, no leading dot.</summary>
    private static bool IsPlainName(string name) =>
        name.Length is > 0 and <= 255 && name[0] != '.' && !name.Contains("..", StringComparison.Ordinal)
        && name.EndsWith(".safetensors", StringComparison.Ordinal) && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));
}
