namespace GptOss.Tools.ApplyPatch;

/// <summary>The paths of a patch, before the file system comes into it: relative, and below the root.</summary>
internal static class PatchPath
{
    /// <summary>The path itself, if it stays below the root.</summary>
    /// <exception cref="PatchException">It is absolute, climbs out of the root, names the root itself or holds a NUL.</exception>
    internal static string Inside(string path) =>
        Normal(path) is not null ? path : throw new PatchException($"{path}: the path leaves the root folder.");

    /// <summary>The path without <c>.</c>, <c>..</c> and doubled slashes; null if it is not a path below the root.</summary>
    internal static string? Normal(string path)
    {
        if (Path.IsPathRooted(path) || path.StartsWith('/') || path.Contains('\0')) return null;
        var parts = new List<string>();
        foreach (string part in path.Split(OperatingSystem.IsWindows() ? ['/', '\\'] : (char[])['/']))
        {
            if (part is "" or ".") continue;
            if (part is not "..") parts.Add(part);
            else if (parts.Count == 0) return null;
            else parts.RemoveAt(parts.Count - 1);
        }
        return parts.Count == 0 ? null : string.Join('/', parts);
    }

    /// <summary>Whether a part of a path is <c>.git</c>, as file systems that fold case, or Windows with its other spellings, read it.</summary>
    internal static bool IsGit(string part)
    {
        if (!OperatingSystem.IsWindows()) return part.Equals(".git", StringComparison.OrdinalIgnoreCase);
        return part.Split(':')[0].TrimEnd('.', ' ').ToLowerInvariant() is ".git" or "git~1";
    }
}
