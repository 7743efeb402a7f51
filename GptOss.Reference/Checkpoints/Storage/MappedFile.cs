using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Buffers;
using Microsoft.Win32.SafeHandles;

namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>A file's bytes, mapped read-only with 64-bit offsets. Nothing is copied, unless asked for; pages are read when touched.</summary>
/// <remarks>
/// <para>The mapped pages stay until <see cref="Dispose"/>, or until the process ends if that is never called: a span cannot keep a mapping alive,
/// so unmapping in a finalizer could pull the pages from under a reader.</para>
/// <para>A file that another process truncates while it is mapped ends this process on the next touch, as with any mapping.</para>
/// </remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    private const int Piece = 16 << 20;

    private readonly SafeFileHandle _file;                  // the map's
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private SafeBuffer _memory;
    private byte* _start;
    private int _disposed;

    private MappedFile(string path, SafeFileHandle file, MemoryMappedFile map, MemoryMappedViewAccessor view, long length)
    {
        (Path, _file, _map, _view, _memory, Length) = (path, file, map, view, view.SafeMemoryMappedViewHandle, length);
        byte* page = null;
        _memory.AcquirePointer(ref page);
        _start = page + view.PointerOffset;
    }

    internal string Path { get; }

    /// <summary>Bytes in the file.</summary>
    internal long Length { get; }

    /// <summary>Maps a whole file of at least one byte.</summary>
    /// <exception cref="IOException">It cannot be opened or mapped.</exception>
    internal static MappedFile Open(string path)
    {
        MemoryMappedFile? map = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            // The map owns the stream from here on, and the length is the opened file's: a name may point elsewhere by now.
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            long length;
            try
            {
                length = stream.Length;
                map = MemoryMappedFile.CreateFromFile(stream, null, length, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            }
            catch
            {
                stream.Dispose();
                throw;
            }
            view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            return new MappedFile(path, stream.SafeFileHandle, map, view, length);
        }
        catch
        {
            view?.Dispose();
            map?.Dispose();
            throw;
        }
    }

    /// <summary>Reads the file into private memory; views that are taken from here on are of the copy.</summary>
    /// <remarks>
    /// Read, not copied from the mapping: pages that were never touched there take no memory beside the copy, and what the system cached on the way
    /// it may forget at once.
    /// </remarks>
    /// <param name="progress">Receives the bytes of each piece that has been read.</param>
    /// <param name="cancellation">Stops between pieces; the mapping serves on.</param>
    /// <exception cref="OutOfMemoryException">There is not so much memory.</exception>
    /// <exception cref="IOException">It cannot be read, or has become shorter.</exception>
    internal void Preload(IProgress<long>? progress, CancellationToken cancellation)
    {
        if (_memory is PrivateMemory)
            return;
        PrivateMemory copy = new(Length);
        byte* target = null;
        copy.AcquirePointer(ref target);
        try
        {
            ForPieces((offset, count) =>
            {
                Span<byte> into = new(target + offset, count);
                for (int done = 0; done < count;)
                {
                    int read = RandomAccess.Read(_file, into[done..], offset + done);
                    if (read == 0)
                        throw new EndOfStreamException($"{Path} has become shorter while it was read.");
                    done += read;
                }
                Residency.Forget(_file, offset, count);
            }, progress, cancellation);
        }
        catch
        {
            copy.ReleasePointer();
            copy.Dispose();
            throw;
        }
        _memory.ReleasePointer();
        _memory = copy;
        _start = target;
    }

    /// <summary>Reads every page into memory and keeps it there as long as the file is open.</summary>
    /// <param name="progress">Receives the bytes of each piece that has been read.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    /// <returns>Whether the system lets this process lock so much; the pages have been read in either case.</returns>
    internal bool Lock(IProgress<long>? progress, CancellationToken cancellation)
    {
        ForPieces((offset, count) => Residency.Populate(_start + offset, count), progress, cancellation);
        return Residency.TryLock(_start, Length);
    }

    /// <summary>A view of <paramref name="length"/> bytes from <paramref name="offset"/>, valid until <see cref="Dispose"/>.</summary>
    internal ReadOnlySpan<byte> Span(long offset, int length)
    {
        RequireInside(offset, length);
        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <summary>A view of <paramref name="count"/> elements from byte <paramref name="offset"/>, which need not be aligned:
    /// x64 and Arm64 load unaligned elements of a span correctly.</summary>
    internal ReadOnlyMemory<T> Memory<T>(long offset, int count) where T : unmanaged
    {
        RequireInside(offset, (long)count * sizeof(T));
        return new View<T>(this, _memory, _start + offset, count).Memory;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _memory.ReleasePointer();
        _memory.Dispose();
        _view.Dispose();
        _map.Dispose();
    }

    private void ForPieces(Action<long, int> work, IProgress<long>? progress, CancellationToken cancellation)
    {
        ParallelOptions options = new() { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        try
        {
            Parallel.For(0, (Length + Piece - 1) / Piece, options, piece =>
            {
                int count = (int)Math.Min(Piece, Length - piece * Piece);
                work(piece * Piece, count);
                progress?.Report(count);
            });
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);       // one piece's failure is the file's
        }
    }

    private void RequireInside(long offset, long byteCount)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (offset < 0 || byteCount < 0 || offset > Length - byteCount)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), offset,
                $"[{offset}, {offset} + {byteCount}) is not inside the {Length}-byte file.");
        }
    }

    /// <summary>Hands out spans over the mapping as long as the file is open.</summary>
    private sealed class View<T>(MappedFile file, SafeBuffer memory, byte* start, int count) : MemoryManager<T> where T : unmanaged
    {
        public override Memory<T> Memory => CreateMemory(count);

        public override Span<T> GetSpan()
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref file._disposed) != 0, file);
            return new Span<T>(start, count);
        }

        /// <summary>Keeps the mapping until the handle is disposed, even past <see cref="MappedFile.Dispose"/>.</summary>
        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)count, nameof(elementIndex));
            bool added = false;
            memory.DangerousAddRef(ref added);      // refuses a closed mapping
            return new MemoryHandle(start + (long)elementIndex * sizeof(T), default, this);
        }

        public override void Unpin() => memory.DangerousRelease();

        protected override void Dispose(bool disposing) { }
    }
}
