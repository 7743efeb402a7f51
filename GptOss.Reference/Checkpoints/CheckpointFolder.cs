using System.Text.RegularExpressions;
using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints;

/// <summary>Where a checkpoint is and which of its files count: what a user typed, resolved. Looks at names only; opens no tensors.</summary>
/// <remarks>
/// A folder with <c>model.safetensors.index.json</c>, or with a <c>config.json</c> that has <c>model_type</c>, is in transformers' layout; else
/// <c>config.json</c> beside <c>*.safetensors</c> is the original layout; else <c>original/</c> inside the folder is looked at. Where the
/// transformers files are incomplete and <c>original/</c> is there, as after a partial download, <c>original/</c> is taken. A GGUF file is
/// recognised by its first bytes; a folder with one of them, or one split set, means that one.
/// </remarks>
internal sealed partial class CheckpointFolder
{
    private const string ConfigName = "config.json";
    private const string OriginalName = "original";
    private const string SingleName = "model.safetensors";

    private CheckpointFolder(string path, CheckpointLayout layout, IReadOnlyList<string> files, IReadOnlyList<string> notices,
        string? indexPath = null) =>
        (FolderPath, Layout, FilePaths, Notices, IndexPath) = (path, layout, files, notices, indexPath);

    /// <summary>The folder that holds <c>config.json</c>.</summary>
    public string FolderPath { get; }

    /// <summary>The dialect of names and configuration.</summary>
    public CheckpointLayout Layout { get; }

    /// <summary>The safetensors files, in ordinal order of their names, empty where an index file decides; or the first GGUF file.</summary>
    public IReadOnlyList<string> FilePaths { get; }

    /// <summary>Path of the index file that names the shards, or null.</summary>
    public string? IndexPath { get; }

    /// <summary>Path of <c>config.json</c>.</summary>
    public string ConfigPath => Path.Combine(FolderPath, ConfigName);

    /// <summary>Sentences about choices that were made.</summary>
    public IReadOnlyList<string> Notices { get; }

    /// <summary>Finds the checkpoint that <paramref name="folderOrFileOrHubName"/> means.</summary>
    /// <param name="folderOrFileOrHubName">A folder, one <c>.safetensors</c> or GGUF file, a hub name in the Hugging Face cache, or
    /// <c>ollama:MODEL:TAG</c>; an existing path wins.</param>
    /// <exception cref="CheckpointFormatException">Nothing there, or nothing that is a checkpoint.</exception>
    public static CheckpointFolder Resolve(string folderOrFileOrHubName)
    {
        ArgumentNullException.ThrowIfNull(folderOrFileOrHubName);
        return Resolve(folderOrFileOrHubName, HuggingFaceCache.Folder);
    }

    internal static CheckpointFolder Resolve(string asked, string cache)
    {
        try
        {
            if (Directory.Exists(asked))
                return OfFolder(asked);
            if (File.Exists(asked))
                return OfFile(asked);
            if (asked.StartsWith(OllamaStore.Scheme, StringComparison.Ordinal))
                return OfFile(OllamaStore.Find(asked, OllamaStore.Folders(Environment.GetEnvironmentVariable)));
            if (HuggingFaceCache.Find(asked, cache) is { } snapshot)
                return OfSnapshot(snapshot, HuggingFaceCache.FullName(asked, cache)!);
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(asked, e);
        }
        throw new CheckpointFormatException(asked, "no-such-checkpoint", HuggingFaceCache.IsHubName(asked)
            ? $"no such folder, and no model '{asked}' in the Hugging Face cache at {Printable.Clip(cache)}; download it with 'hf " +
                $"download {asked}' or give a folder."
            : $"no such folder or file: {Printable.Clip(asked)}; give a folder, a .safetensors or .gguf file, or a hub name " +
                $"such as openai/gpt-oss-20b.");
    }

    /// <summary>Says of an unfinished download what it lacks, instead of that it is not a checkpoint.</summary>
    private static CheckpointFolder OfSnapshot(string snapshot, string hubName)
    {
        if (Missing(snapshot) is { } missing)
        {
            throw new CheckpointFormatException(hubName, "incomplete-download",
                $"the snapshot in the Hugging Face cache lacks {missing}; finish it with 'hf download {hubName}' ({Printable.Clip(snapshot)}).");
        }
        return OfFolder(snapshot);
    }

    /// <summary>What a snapshot of a gpt-oss repository needs and does not hold; null where one of its layouts is whole.</summary>
    private static string? Missing(string snapshot)
    {
        string original = Path.Combine(snapshot, OriginalName), index = Path.Combine(snapshot, ShardIndex.FileName);
        bool hasConfig = File.Exists(Path.Combine(snapshot, ConfigName)), hasIndex = File.Exists(index);
        if (hasConfig && IsComplete(snapshot, index, hasConfig, hasIndex) || hasConfig && !hasIndex && Safetensors(snapshot).Length > 0
            || Ggufs(snapshot).Length > 0)
        {
            return null;
        }
        if (Directory.Exists(original))
        {
            bool hasOriginalConfig = File.Exists(Path.Combine(original, ConfigName)), hasWeights = Safetensors(original).Any(File.Exists);
            return hasOriginalConfig && hasWeights ? null : hasOriginalConfig ? "original/*.safetensors" : "original/config.json";
        }
        if (!hasConfig)
            return ConfigName;
        if (!hasIndex)
            return $"its weights: neither {ShardIndex.FileName} with its files nor original/ is there";
        string[] shards = [.. ShardIndex.Read(index).FileNames.Where(name => !File.Exists(Path.Combine(snapshot, name)))];
        return Printable.List(shards, ", ");
    }

    private static CheckpointFolder OfFolder(string folder)
    {
        string config = Path.Combine(folder, ConfigName);
        string index = Path.Combine(folder, ShardIndex.FileName);
        bool hasConfig = File.Exists(config), hasIndex = File.Exists(index);
        string[] files = Safetensors(folder);
        string original = Path.Combine(folder, OriginalName);
        bool hasOriginal = File.Exists(Path.Combine(original, ConfigName)) && Safetensors(original).Length > 0;
        if (hasIndex || hasConfig && ConfigReader.LayoutOf(config) == CheckpointLayout.HuggingFace)
        {
            if (hasOriginal && !IsComplete(folder, index, hasConfig, hasIndex))
            {
                return new CheckpointFolder(original, CheckpointLayout.Original, Safetensors(original),
                    [$"{Printable.Clip(folder)} is incomplete in the transformers layout; using {OriginalName}/ inside it."]);
            }
            if (!hasConfig)
                throw new CheckpointFormatException(config, "no-such-checkpoint", "the configuration is missing beside the index file.");
            if (hasIndex)
                return new CheckpointFolder(folder, CheckpointLayout.HuggingFace, [], [], index);
            string single = Path.Combine(folder, SingleName);
            if (File.Exists(single))
                return new CheckpointFolder(folder, CheckpointLayout.HuggingFace, [single], []);
            throw new CheckpointFormatException(folder, "no-such-checkpoint", files.Length == 0
                ? NothingThere(folder)
                : $"the folder has neither {ShardIndex.FileName} nor {SingleName}; expected one of them beside a config.json with model_type.");
        }
        if (hasConfig && files.Length > 0)
            return new CheckpointFolder(folder, CheckpointLayout.Original, files, []);
        if (hasOriginal)
            return new CheckpointFolder(original, CheckpointLayout.Original, Safetensors(original), []);
        if (files.Length == 0 && Ggufs(folder) is { Length: > 0 } ggufs)
        {
            return ggufs is [var only] ? OfGguf(only) : throw new CheckpointFormatException(folder, "no-such-checkpoint",
                $"the folder holds {ggufs.Length} GGUF models; give one of " +
                    $"them: {Printable.List([.. ggufs.Select(path => Printable.Clip(Path.GetFileName(path)))], ", ")}.");
        }
        throw new CheckpointFormatException(folder, "no-such-checkpoint",
            files.Length > 0 ? "the folder has safetensors files but no config.json, which says what shape they have." : NothingThere(folder));
    }

    /// <summary>A single file; a shard means its whole set.</summary>
    private static CheckpointFolder OfFile(string file)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        string name = Path.GetFileName(file);
        if (name == ConfigName || name == ShardIndex.FileName)
            return OfFolder(folder);
        if (IsGguf(file))
            return OfGguf(file);
        if (!name.EndsWith(".safetensors", StringComparison.Ordinal))
        {
            throw new CheckpointFormatException(file, "not-safetensors", FileKind.Guess(Start(file)) is { } kind
                ? $"this is {kind}." : "the name does not end in .safetensors; give a safetensors file or the folder that holds it.");
        }
        string config = Path.Combine(folder, ConfigName);
        if (!File.Exists(config))
        {
            throw new CheckpointFormatException(file, "no-such-checkpoint",
                "there is no config.json beside the file; it says what shape the tensors have.");
        }
        bool isShard = name.Contains("-of-", StringComparison.Ordinal);
        return isShard ? OfFolder(folder) : new CheckpointFolder(folder, ConfigReader.LayoutOf(config), [file], []);
    }

    private static bool IsComplete(string folder, string index, bool hasConfig, bool hasIndex)
    {
        if (!hasConfig)
            return false;
        return hasIndex
            ? ShardIndex.Read(index).FileNames.All(name => File.Exists(Path.Combine(folder, name)))
            : File.Exists(Path.Combine(folder, SingleName));
    }

    private static string NothingThere(string folder) =>
        Directory.EnumerateFiles(folder, "*.bin").Any()
            ? "the folder holds PyTorch .bin files but no safetensors; convert them with the safetensors package first."
        : Directory.EnumerateFileSystemEntries(folder).Any() ? "the folder holds no safetensors files; give the folder of a gpt-oss checkpoint."
        : "the folder is empty; give the folder of a gpt-oss checkpoint.";

    private static string[] Safetensors(string folder) =>
        Directory.Exists(folder)
            ? [.. Directory.EnumerateFiles(folder).Where(path => path.EndsWith(".safetensors", StringComparison.Ordinal)
                && !Path.GetFileName(path).StartsWith('.')).Order(StringComparer.Ordinal)]
            : [];

    private static CheckpointFolder OfGguf(string file) => new(Path.GetDirectoryName(Path.GetFullPath(file))!, CheckpointLayout.Gguf, [file], []);

    private static bool IsGguf(string file) => Start(file).AsSpan().StartsWith("GGUF"u8);

    /// <summary>The GGUF models of a folder, of each split set the first file. Projectors of image models are not models.</summary>
    private static string[] Ggufs(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.gguf")
            .Where(path => IsGguf(path) && !Path.GetFileName(path).StartsWith("mmproj", StringComparison.Ordinal)
            && !LaterPart().IsMatch(path)).Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"-(?!00001)[0-9]{5}-of-[0-9]{5}\.gguf$")]
    private static partial Regex LaterPart();

    private static byte[] Start(string file)
    {
        if (Files.Length(file) == 0)
            return [];
        using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        byte[] start = new byte[32];
        return start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)];
    }
}
