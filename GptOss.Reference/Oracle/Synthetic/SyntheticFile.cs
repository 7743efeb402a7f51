using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using GptOss.Reference.Checkpoints.Storage;
using Microsoft.Win32.SafeHandles;

namespace GptOss.Reference.Oracle.Synthetic;

/// <summary>Writes a file in pieces that are made in parallel, each in its place: making and writing overlap, and memory stays small.</summary>
internal static class SyntheticFile
{
    /// <summary>The bytes of a piece, but for rows that are longer.</summary>
    internal const int ChunkBytes = 1 << 20;

    private const int MaxThreads = 8;

    /// <summary>Makes the bytes of a piece.</summary>
    internal delegate void Fill(Span<byte> bytes);

    /// <summary>A piece of the file.</summary>
    /// <param name="Offset">From the start of the file.</param>
    /// <param name="Bytes">Its length.</param>
    /// <param name="Fill">Makes it, on any thread.</param>
    internal readonly record struct Chunk(long Offset, int Bytes, Fill Fill);

    /// <summary>Writes the file whole or not at all.</summary>
    /// <param name="path">The file; its folder is created where missing.</param>
    /// <param name="total">Its length.</param>
    /// <param name="start">Its first bytes.</param>
    /// <param name="chunks">The rest; what none of them writes is zero.</param>
    /// <param name="force">Replaces a file that is there; otherwise it is refused.</param>
    /// <param name="progress">Receives bytes written so far, ascending, from the writing threads.</param>
    /// <param name="cancellation">Stops the work; nothing is left behind.</param>
    /// <exception cref="IOException">The file exists and <paramref name="force"/> is false; too little space; or writing fails.</exception>
    internal static void Write(string path, long total, byte[] start, IEnumerable<Chunk> chunks, bool force, IProgress<long>? progress,
        CancellationToken cancellation)
    {
        string folder = Path.GetDirectoryName(path) is { Length: > 0 } parent ? parent : ".";
        RequireSpace(folder, total);
        Directory.CreateDirectory(folder);
        AtomicFile.WriteAnywhere(path, total, file =>
        {
            RandomAccess.Write(file, start, 0);
            Write(file, chunks, start.Length, progress, cancellation);
        }, force);
    }

    private static void Write(SafeFileHandle file, IEnumerable<Chunk> chunks, long written, IProgress<long>? progress,
        CancellationToken cancellation)
    {
        object reporting = new();
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = Math.Min(Environment.ProcessorCount, MaxThreads),
            CancellationToken = cancellation,
        };
        try
        {
            Parallel.ForEach(Partitioner.Create(chunks, EnumerablePartitionerOptions.NoBuffering), options, chunk =>
            {
                byte[] buffer = ArrayPool<byte>.Shared.Rent(chunk.Bytes);
                Span<byte> bytes = buffer.AsSpan(0, chunk.Bytes);
                chunk.Fill(bytes);
                RandomAccess.Write(file, bytes, chunk.Offset);
                ArrayPool<byte>.Shared.Return(buffer);
                if (progress is not null)
                {
                    lock (reporting)
                        progress.Report(written += chunk.Bytes);
                }
            });
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions[0]);
        }
    }

    private static void RequireSpace(string folder, long bytes)
    {
        long free;
        try
        {
            string full = Path.GetFullPath(folder);
            while (!Directory.Exists(full) && Path.GetDirectoryName(full) is { } parent)
                full = parent;
            free = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(full)! : full).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return;                                    // no answer, as on some network drives: writing will tell
        }
        if (free < bytes)
            throw new IOException($"{folder} has {free} bytes free; the checkpoint needs {bytes}.");
    }
}
