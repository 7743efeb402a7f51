using GptOss.Reference.Checkpoints.Storage;

namespace GptOss.Cli.Output;

/// <summary>What a command would write over is refused before any work is done, unless <c>--force</c> is given.</summary>
internal static class Existing
{
    /// <summary>Refuses a file that exists. A pipe or a device loses nothing by being written to.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="force">Whether <c>--force</c> is given.</param>
    /// <param name="other">What the user could give instead: a name, a folder.</param>
    /// <exception cref="UsageException">It exists.</exception>
    internal static void Refuse(string path, bool force, string other = "name")
    {
        if (!force && OutputTarget.Of(path).Replaces)
            throw new UsageException($"{path} exists; give another {other}, or --force to replace it.");
    }
}
