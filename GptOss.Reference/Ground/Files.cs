namespace GptOss.Reference.Ground;

/// <summary>Reads small files with a limit; one way to say that a file cannot be read.</summary>
internal static class Files
{
    /// <summary>Length in bytes of the file a path leads to, links followed; 0 for pipes and devices.</summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    internal static long Length(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is not null)
            file = (FileInfo)(file.ResolveLinkTarget(returnFinalTarget: true) ?? file);
        if (Directory.Exists(file.FullName))
            throw new UnauthorizedAccessException("This is a folder.");
        return file.Length;
    }

    /// <summary>All bytes of a file of at most <paramref name="maxBytes"/>.</summary>
    /// <exception cref="CheckpointFormatException">unreadable-file or file-too-large.</exception>
    internal static byte[] ReadAll(string path, int maxBytes)
    {
        try
        {
            if (Length(path) is 0)                     // a pipe would block
                return [];
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (stream.Length > maxBytes)
                throw new CheckpointFormatException(path, "file-too-large", $"the file has {stream.Length} bytes; at most {maxBytes} are read.");
            byte[] bytes = new byte[stream.Length];
            int read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return read == bytes.Length ? bytes : bytes[..read];
        }
        catch (Exception e) when (IsReadFailure(e))
        {
            throw Unreadable(path, e);
        }
    }

    internal static bool IsReadFailure(Exception e) => e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException;

    internal static CheckpointFormatException Unreadable(string path, Exception e) => new(path, "unreadable-file",
        e is FileNotFoundException or DirectoryNotFoundException ? $"no such file at {Printable.Clip(path)}."
        : e is UnauthorizedAccessException ? $"the file may not be read: {Printable.Clip(e.Message)}"
        : $"the file cannot be read: {Printable.Clip(e.Message)}", e);
}
