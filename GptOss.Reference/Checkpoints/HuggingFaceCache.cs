using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>Finds models that <c>hf download</c> or transformers left in the Hugging Face cache. Never downloads.</summary>
/// <remarks>
/// Layout: <c>models--openai--gpt-oss-20b/refs/main</c> holds a revision, <c>snapshots/REVISION/</c> the files (usually links).
/// Source: huggingface_hub, <c>constants.py</c> (variables) and <c>file_download.py</c> (layout).
/// </remarks>
internal static class HuggingFaceCache
{
    private const int MaxRevisionBytes = 256;

    /// <summary>HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else
    /// ~/.cache/huggingface/hub.</summary>
    public static string Folder => FolderFrom(Environment.GetEnvironmentVariable);

    /// <summary>The snapshot folder that <c>refs/main</c> of a hub name leads to; null where the cache does not hold the model.</summary>
    /// <param name="hubName">As <c>openai/gpt-oss-20b</c>, or the name without its owner where the cache holds one such model or openai's.</param>
    /// <exception cref="CheckpointFormatException">The cache's reference is not a revision.</exception>
    public static string? Find(string hubName) => Find(hubName, Folder);

    /// <summary>Whether the cache has a folder for a model, with or without files in it: <c>hf download</c> makes it first.</summary>
    public static bool IsBegun(string hubName)
    {
        ArgumentNullException.ThrowIfNull(hubName);
        return IsHubName(hubName) && Directory.Exists(ModelFolder(hubName, Folder));
    }

    /// <summary>owner/name, each of letters, digits, '-', '_' and '.', not beginning with a dot.</summary>
    internal static bool IsHubName(string text)
    {
        string[] parts = text.Split('/');
        return parts.Length == 2 && parts.All(IsPlain);
    }

    internal static string FolderFrom(Func<string, string?> variable)
    {
        if ((Set("HF_HUB_CACHE") ?? Set("HUGGINGFACE_HUB_CACHE")) is { } hub)
            return hub;
        if (Set("HF_HOME") is { } home)
            return Path.Combine(home, "hub");
        return Path.Combine(Set("XDG_CACHE_HOME") ?? Path.Combine(Home(), ".cache"), "huggingface", "hub");

        string? Set(string name) => variable(name) is { Length: > 0 } value ? Expand(value) : null;
        string Expand(string path) => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? Home() + path[1..] : path;
        string Home() => variable("HOME") is { Length: > 0 } home ? home : Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
    }

    /// <summary>owner/name of what was asked for: unchanged, or with the owner that the cache knows; null where it knows none.</summary>
    /// <exception cref="CheckpointFormatException">ambiguous-name: several owners, none of them openai.</exception>
    internal static string? FullName(string asked, string cache)
    {
        if (IsHubName(asked) || !IsPlain(asked) || !Directory.Exists(cache))
            return IsHubName(asked) ? asked : null;
        string[] names =
        [
            .. Directory.EnumerateDirectories(cache, "models--*").Select(path => Path.GetFileName(path)["models--".Length..].Split("--"))
                .Where(parts => parts.Length == 2 && parts[1] == asked).Select(parts => $"{parts[0]}/{parts[1]}").Order(StringComparer.Ordinal),
        ];
        return names.Length <= 1 ? names.FirstOrDefault() : names.FirstOrDefault(name => name.StartsWith("openai/", StringComparison.Ordinal))
            ?? throw new CheckpointFormatException(asked, "ambiguous-name", $"the Hugging Face cache holds {Printable.List(names, " and ")}; give " +
                $"the owner too.");
    }

    internal static string? Find(string asked, string cache)
    {
        if (FullName(asked, cache) is not { } hubName)
            return null;
        string model = ModelFolder(hubName, cache);
        string reference = Path.Combine(model, "refs", "main");
        if (!File.Exists(reference))
            return null;
        string revision = System.Text.Encoding.UTF8.GetString(Files.ReadAll(reference, MaxRevisionBytes)).Trim();
        if (!IsPlain(revision))
        {
            throw new CheckpointFormatException(reference, "cache-reference",
                $"the reference holds '{Printable.Clip(revision)}'; expected a revision of letters and digits.");
        }
        string snapshot = Path.Combine(model, "snapshots", revision);
        return Directory.Exists(snapshot) ? snapshot : null;
    }

    private static string ModelFolder(string hubName, string cache) =>
        Path.Combine(cache, "models--" + hubName.Replace("/", "--", StringComparison.Ordinal));

    internal static bool IsPlain(string text) =>
        text.Length is > 0 and <= 128 && text[0] != '.' && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
        && !text.Contains("..", StringComparison.Ordinal);
}
