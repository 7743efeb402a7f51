using System.CommandLine;
using GptOss.Cli.Terminals;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Ground;

namespace GptOss.Cli.Options;

/// <summary>
/// Which model a command runs: the one that <c>--model</c> names, else the real one if it has been downloaded, else the bundled toy.
/// </summary>
internal static class ModelChoice
{
    internal const string RealName = "openai/gpt-oss-20b";
    internal const string Download = "hf download openai/gpt-oss-20b --include \"original/*\"";
    internal const string ToyName = "tiny-gpt-oss";

    /// <summary><c>--model</c>.</summary>
    internal static Option<string?> Option() => new("--model")
    {
        Description = "A checkpoint folder, a .safetensors or GGUF file, a name in the Hugging Face cache, or ollama:NAME. "
            + $"Without it: {RealName} from that cache, else the bundled {ToyName}.",
        HelpName = "MODEL",
    };

    /// <summary>The path or name to open; standard error says which.</summary>
    internal static string Resolve(string? asked, Terminal terminal)
    {
        if (asked is not null)
            return asked;
        if (IsDownloaded(RealName, terminal))
        {
            terminal.Error.WriteLine($"Using {RealName} from the Hugging Face cache.");
            return RealName;
        }
        string toy = Bundled(ToyName)
            ?? throw new UsageException(
                $"The bundled {ToyName} is missing beside the program; name a checkpoint with --model, or get one: {Download}");
        terminal.Error.WriteLine($"Using the bundled {ToyName}, a toy. The real model: {Download}");
        return toy;
    }

    /// <summary>Opens a checkpoint; standard error says what was assumed.</summary>
    internal static Checkpoint Open(string model, Terminal terminal)
    {
        var checkpoint = Checkpoint.Open(model);
        foreach (string notice in checkpoint.Notices)
            terminal.Error.WriteLine(notice);
        return checkpoint;
    }

    /// <summary>Whether the Hugging Face cache holds a model; standard error says what an unfinished download still lacks.</summary>
    internal static bool IsDownloaded(string hubName, Terminal terminal)
    {
        try
        {
            if (HuggingFaceCache.Find(hubName) is not null)
            {
                CheckpointFolder.Resolve(hubName);
                return true;
            }
            if (HuggingFaceCache.IsBegun(hubName))
                terminal.Error.WriteLine($"A download of {hubName} into the Hugging Face cache was begun and has no file yet; finish it: {Download}");
        }
        catch (CheckpointFormatException e)
        {
            terminal.Error.WriteLine(e.Message);
        }
        return false;
    }

    /// <summary>A folder that comes with the program: beside it, or in <c>testdata/</c> of the repository it was built in.</summary>
    internal static string? Bundled(string name)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, name);
        return Directory.Exists(beside) ? beside : TestData(name);
    }

    /// <summary>A folder of <c>testdata/</c> above the program; null for a program outside a repository.</summary>
    internal static string? TestData(string name)
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "GptOss.sln")))
                return Path.Combine(folder.FullName, "testdata", name) is var found && Directory.Exists(found) ? found : null;
        }
        return null;
    }
}
