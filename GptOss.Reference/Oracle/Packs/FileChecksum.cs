using System.Security.Cryptography;

namespace GptOss.Reference.Oracle.Packs;

/// <summary>A file as a manifest lists it.</summary>
/// <param name="File">Its name, without a folder.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">SHA-256 of its content, in lower-case hexadecimal.</param>
public sealed record FileChecksum(string File, long Bytes, string Sha256)
{
    private const int BufferBytes = 4 << 20;

    /// <summary>Reads a file from its start to its end.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal static FileChecksum Of(string path, IProgress<FileProgress>? progress, CancellationToken cancellation)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, FileOptions.SequentialScan);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        string name = Path.GetFileName(path);
        byte[] buffer = new byte[(int)Math.Clamp(stream.Length, 1, BufferBytes)];
        long done = 0;
        progress?.Report(new(name, 0, stream.Length));
        for (int count; (count = stream.Read(buffer)) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, count);
            done += count;
            progress?.Report(new(name, done, stream.Length));
        }
        return new(name, done, Convert.ToHexStringLower(hash.GetCurrentHash()));
    }
}

/// <summary>How far the reading of a file has come.</summary>
/// <param name="File">Its name, without a folder.</param>
/// <param name="Done">Bytes read.</param>
/// <param name="Total">Bytes of the file.</param>
public readonly record struct FileProgress(string File, long Done, long Total);

/// <summary>A file as it is, beside what a pack lists.</summary>
/// <param name="Listed">What the pack lists.</param>
/// <param name="FoundBytes">Its length; null where there is no such file.</param>
/// <param name="FoundSha256">SHA-256 of its content; null where it was not read.</param>
public sealed record FileReport(FileChecksum Listed, long? FoundBytes, string? FoundSha256)
{
    /// <summary>There, of the listed length, and of the listed content as far as it was read.</summary>
    public bool Passed => FoundBytes == Listed.Bytes && (FoundSha256 ?? Listed.Sha256) == Listed.Sha256;

    /// <summary>Compares a file with what a pack lists; its content only where the length agrees.</summary>
    /// <param name="listed">What the pack lists.</param>
    /// <param name="path">Where the file should be; null where it is known to be missing.</param>
    /// <param name="content">Whether the content is read.</param>
    /// <param name="progress">How far the reading has come.</param>
    /// <param name="cancellation">Stops the reading.</param>
    internal static FileReport Of(FileChecksum listed, string? path, bool content, IProgress<FileProgress>? progress, CancellationToken cancellation)
    {
        if (path is null || !System.IO.File.Exists(path))
            return new(listed, null, null);
        long bytes = Ground.Files.Length(path);
        return new(listed, bytes, content && bytes == listed.Bytes ? FileChecksum.Of(path, progress, cancellation).Sha256 : null);
    }
}
