using System.Buffers;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>Finds models that Ollama has pulled. Never downloads.</summary>
/// <remarks>
/// Layout: <c>manifests/HOST/NAMESPACE/MODEL/TAG</c> is JSON whose layer of type <c>application/vnd.ollama.image.model</c> has a digest; the file is
/// <c>blobs/sha256-DIGEST</c>, without an ending. Source: ollama/ollama, <c>manifest/paths.go</c>, <c>envconfig/config.go</c>.
/// </remarks>
internal static class OllamaStore
{
    /// <summary>The prefix of names that are looked up here.</summary>
    internal const string Scheme = "ollama:";

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private const string ModelLayer = "application/vnd.ollama.image.model";

    /// <summary>OLLAMA_MODELS, else the folder of the user or of the service.</summary>
    internal static IReadOnlyList<string> Folders(Func<string, string?> variable)
    {
        if (variable("OLLAMA_MODELS") is { Length: > 0 } set)
            return [set];
        string home = variable("HOME") is { Length: > 0 } given ? given : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return [Path.Combine(home, ".ollama", "models"), "/usr/share/ollama/.ollama/models"];
    }

    /// <summary>The model file of <c>ollama:[HOST/][NAMESPACE/]MODEL[:TAG]</c>.</summary>
    /// <exception cref="CheckpointFormatException">no-such-checkpoint: the name cannot be, or no folder holds it; or its manifest is
    /// broken.</exception>
    internal static string Find(string asked, IReadOnlyList<string> folders)
    {
        string name = asked[Scheme.Length..];
        int colon = name.LastIndexOf(':'), slash = name.LastIndexOf('/');
        string tag = colon > slash ? name[(colon + 1)..] : "latest";
        string[] parts = (colon > slash ? name[..colon] : name).Split('/');
        string[] path = parts.Length switch
        {
            1 => ["registry.ollama.ai", "library", .. parts],
            2 => ["registry.ollama.ai", .. parts],
            _ => parts,
        };
        if (path.Length != 3 || !path.Append(tag).All(HuggingFaceCache.IsPlain))
        {
            throw new CheckpointFormatException(asked, "no-such-checkpoint",
                $"{Printable.Clip(asked)} is not a name of Ollama's; expected one such as ollama:gpt-oss:20b.");
        }
        foreach (string folder in folders)
        {
            string manifest = Path.Combine([folder, "manifests", .. path, tag]);
            if (File.Exists(manifest))
                return Path.Combine(folder, "blobs", Digest(manifest));
        }
        throw new CheckpointFormatException(asked, "no-such-checkpoint",
            $"Ollama has no model '{Printable.Clip(name)}' in {Printable.List([.. folders.Select(Printable.Clip)], " or ")}; get it with 'ollama " +
                $"pull', or set OLLAMA_MODELS.");
    }

    private static string Digest(string manifest)
    {
        using JsonDocument document = JsonDocuments.Parse(Files.ReadAll(manifest, JsonDocuments.MaxBytes), manifest, "ollama-manifest");
        if (document.RootElement.TryGetProperty("layers", out JsonElement layers) && layers.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement layer in layers.EnumerateArray())
            {
                if (layer.ValueKind == JsonValueKind.Object && layer.TryGetProperty("mediaType", out JsonElement type)
                    && JsonDocuments.Text(type) == ModelLayer
                    && layer.TryGetProperty("digest", out JsonElement digest) && JsonDocuments.Text(digest) is { } text
                    && text.StartsWith("sha256:", StringComparison.Ordinal) && text.Length == 71 && !text.AsSpan(7).ContainsAnyExcept(HexDigits))
                {
                    return "sha256-" + text[7..];
                }
            }
        }
        throw new CheckpointFormatException(manifest, "ollama-manifest", $"the manifest has no layer of type {ModelLayer} with a sha256 digest.");
    }
}
