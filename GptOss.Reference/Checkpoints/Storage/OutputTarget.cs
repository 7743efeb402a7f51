using System.Runtime.InteropServices;

namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>Where a write to a path ends up: symbolic links are followed, and regular files are told from the rest.</summary>
/// <param name="Path">The name behind all links; there may be nothing there yet.</param>
/// <param name="IsFile">Whether it is a regular file, or nothing yet. A pipe, a socket, a device and an open descriptor are not.</param>
/// <param name="Exists">Whether something is there.</param>
internal readonly partial record struct OutputTarget(string Path, bool IsFile, bool Exists)
{
    private const int MostLinks = 40;                  // as Linux follows

    /// <summary>Whether writing replaces what is there: a pipe or a device loses nothing.</summary>
    public bool Replaces => IsFile && Exists;

    /// <summary>Follows the links of a path.</summary>
    /// <exception cref="IOException">It is a folder, or its links lead in a circle.</exception>
    public static OutputTarget Of(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Followed(path);
        bool exists = System.IO.Path.Exists(full);
        return Directory.Exists(full) || System.IO.Path.EndsInDirectorySeparator(path)
            ? throw new IOException($"{path} is a folder; expected a file to write.")
            : new(full, !IsDescriptor(full) && (!exists || IsRegularFile(full)), exists);
    }

    /// <summary>Whether a regular file is there, not a pipe, a socket or a device; links are followed.</summary>
    public static unsafe bool IsRegularFile(string path)
    {
        if (!File.Exists(path))
            return false;
        if (OperatingSystem.IsWindows())
            return !System.IO.Path.GetFullPath(path).StartsWith(@"\\.\", StringComparison.Ordinal);
        const int TypeMask = 0xF000, RegularFile = 0x8000;
        int* status = stackalloc int[128];             // far more than the runtime's structure has
        return Stat(path, status) == 0 && (status[1] & TypeMask) == RegularFile;
    }

    // Link by link and not with ResolveLinkTarget, which takes '..' in a link for the parent of the name instead of the parent of the folder.
    private static string Followed(string path)
    {
        string full = System.IO.Path.GetFullPath(path), root = System.IO.Path.GetPathRoot(full)!;
        if (new FileInfo(full).LinkTarget is null)
            return full;
        var names = new Stack<string>(Names(full[root.Length..]));
        string at = root;
        for (int links = 0; names.TryPop(out string? name);)
        {
            string next = name == ".." ? System.IO.Path.GetDirectoryName(at) ?? root : System.IO.Path.Join(at, name);
            if (name == ".." || IsDescriptor(next) || new FileInfo(next).LinkTarget is not { } target)
            {
                at = next;
                continue;
            }
            if (++links > MostLinks)
                throw new IOException($"{path} was not written: its symbolic links lead in a circle.");
            if (System.IO.Path.IsPathRooted(target))
            {
                at = root = System.IO.Path.GetPathRoot(target)!;
                target = target[root.Length..];
            }
            foreach (string inner in Names(target))
                names.Push(inner);
        }
        return at;
    }

    /// <summary>The names of a path, last one first.</summary>
    private static IEnumerable<string> Names(string path) => path
        .Split([System.IO.Path.DirectorySeparatorChar, System.IO.Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries)
        .Where(name => name != ".").Reverse();

    // An open descriptor looks like a link to what it was opened from; it is not: whoever opened it keeps reading or writing there.
    private static bool IsDescriptor(string path) =>
        path.StartsWith("/proc/", StringComparison.Ordinal) && path.Contains("/fd/", StringComparison.Ordinal)
        || path.StartsWith("/dev/fd/", StringComparison.Ordinal);

    // .NET 10 tells a folder from a file and no more; its runtime's own stat is the same on every Unix: int32 flags, then int32 mode.
    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Stat(string path, int* status);
}
