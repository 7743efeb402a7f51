namespace GptOss.Tools.Processes;

/// <summary>Where a program is.</summary>
internal static class ProgramPath
{
    /// <summary>The executable file that a name leads to: a path, or a name in the working folder or in <c>PATH</c>; null if there is none.</summary>
    /// <param name="name">A path or a bare name; on Windows the extension may be missing.</param>
    internal static string? Find(string name)
    {
        if (name.Length == 0 || name.Contains('\0')) return null;
        string[] names = OperatingSystem.IsWindows() && !Path.HasExtension(name) ? [name + ".exe", name + ".com"] : [name];
        IEnumerable<string> folders = [Environment.CurrentDirectory];
        if (!name.Contains('/') && !name.Contains(Path.DirectorySeparatorChar))
        {
            string path = Environment.GetEnvironmentVariable("PATH") ?? "";
            folders = folders.Concat(path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries));
        }
        return folders.SelectMany(folder => names.Select(candidate => Path.Combine(folder, candidate))).FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path)
    {
        const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        try
        {
            return File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Execute) != 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
