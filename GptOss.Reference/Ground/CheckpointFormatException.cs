namespace GptOss.Reference.Ground;

/// <summary>A file or folder is not what a checkpoint must be. The message is one sentence: where, which tensor or key, expected, found.</summary>
/// <remarks>Example: <c>model.safetensors: tensor 'norm.scale' is BF16 [32] = 64 bytes, but its offsets hold 60.</c></remarks>
public sealed class CheckpointFormatException : GptOssException
{
    /// <summary>Builds the exception whose message is "name of the file: sentence".</summary>
    /// <param name="file">Path of the offending file or folder; the message shows its last part.</param>
    /// <param name="rule">Short kebab-case name of the broken rule, for programs: <c>invalid-offset</c>, <c>config-value</c>.</param>
    /// <param name="sentence">What was expected and what was found, ending with a full stop.</param>
    /// <param name="inner">The cause, where another exception was caught.</param>
    public CheckpointFormatException(string file, string rule, string sentence, Exception? inner = null)
        : base($"{Printable.Clip(NameOf(file))}: {sentence}", inner)
    {
        File = file;
        Rule = rule;
    }

    /// <summary>Path of the offending file or folder, or the hub name that was asked for.</summary>
    public string File { get; }

    /// <summary>Short kebab-case name of the broken rule.</summary>
    public string Rule { get; }

    private static string NameOf(string path)
    {
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        return name.Length == 0 ? path : name;
    }
}
