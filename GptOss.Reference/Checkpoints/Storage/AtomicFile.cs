using Microsoft.Win32.SafeHandles;

namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>
/// Writes files whole or not at all: under a temporary name in the same folder, then renamed. A symbolic link stays, and the
/// file that it leads to is written. A pipe or a device is written through, because a rename would put a file in its place.
/// </summary>
internal static class AtomicFile
{
    /// <summary>
    /// Writes <paramref name="path"/> from its first byte to its last; an exception from <paramref name="write"/> leaves nothing behind.
    /// </summary>
    /// <param name="path">The file. Its folder must exist.</param>
    /// <param name="write">Writes the content. The stream is not buffered and may not be able to seek.</param>
    /// <param name="preallocateBytes">Expected length, in bytes, so that a full disk shows before the work; 0 where unknown.</param>
    /// <param name="replace">Whether a file that is there is replaced; otherwise it is refused, also if it came while this one was written.</param>
    /// <exception cref="IOException">The disk is full, or the file cannot be written or is there already.</exception>
    public static void Write(string path, Action<Stream> write, long preallocateBytes = 0, bool replace = true)
    {
        ArgumentNullException.ThrowIfNull(write);
        var target = OutputTarget.Of(path);
        if (target.IsFile)
            Replace(path, target, write, preallocateBytes, replace);
        else
            WriteThrough(path, target, write);
    }

    /// <summary>Writes <paramref name="path"/> in any order.</summary>
    /// <param name="path">The file. Its folder must exist.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="write">Writes every byte at its offset.</param>
    /// <param name="replace">As in <see cref="Write"/>.</param>
    /// <exception cref="IOException">As in <see cref="Write"/>, or it is a pipe or a device, which take bytes in their order only.</exception>
    public static void WriteAnywhere(string path, long bytes, Action<SafeFileHandle> write, bool replace = true)
    {
        ArgumentNullException.ThrowIfNull(write);
        var target = OutputTarget.Of(path);
        if (!target.IsFile)
            throw new IOException($"{path} is a pipe or a device; expected the name of a file, because its parts are not written in their order.");
        Replace(path, target, stream => write(stream.SafeFileHandle), bytes, replace);
    }

    private static void Replace(string path, OutputTarget target, Action<FileStream> write, long preallocateBytes, bool replace)
    {
        if (!replace && target.Exists)
            throw AlreadyThere(path);
        // Begins with a dot and does not end in .safetensors, so that no reader takes it for a part of a checkpoint.
        string name = Path.GetFileName(target.Path), temporary = Path.Combine(Path.GetDirectoryName(target.Path)!, $".{name}.{Guid.NewGuid():N}.tmp");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.None,
            BufferSize = 0,
            PreallocationSize = preallocateBytes,
        };
        try
        {
            using (var stream = new FileStream(temporary, options))
            {
                if (target.Exists && !OperatingSystem.IsWindows())
                    File.SetUnixFileMode(stream.SafeFileHandle, File.GetUnixFileMode(target.Path));
                write(stream);
                stream.Flush(flushToDisk: true);       // some file systems report a full disk only here
            }
            Move(path, temporary, target.Path, replace);
        }
        catch (Exception e)
        {
            TryDelete(temporary);
            if (e is (IOException or UnauthorizedAccessException) and not FileExistsException)
                throw NotWritten(path, e.Message.Replace(temporary, Path.GetFullPath(path), StringComparison.Ordinal), e);
            throw;
        }
    }

    private static void WriteThrough(string path, OutputTarget target, Action<Stream> write)
    {
        try
        {
            using var stream = new FileStream(target.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            write(stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(path, e.Message, e);
        }
    }

    private static void Move(string path, string temporary, string target, bool replace)
    {
        try
        {
            File.Move(temporary, target, replace);
        }
        catch (IOException) when (!replace && Path.Exists(target))
        {
            throw AlreadyThere(path);
        }
    }

    private static FileExistsException AlreadyThere(string path) => new($"{path} exists; give another name, or force its replacement.");

    private static IOException NotWritten(string path, string why, Exception e) => new($"{path} was not written: {why}", e);

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The exception that is being handled says more than this one.
        }
    }

    private sealed class FileExistsException(string message) : IOException(message);
}
