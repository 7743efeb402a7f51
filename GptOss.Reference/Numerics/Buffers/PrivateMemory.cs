using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Numerics.Buffers;

/// <summary>Memory of this process alone, on large pages where the system has them.</summary>
/// <remarks>Unlike mapped pages it is not dropped when unused, and a large page takes one TLB entry instead of 512.</remarks>
internal sealed unsafe partial class PrivateMemory : SafeBuffer
{
    private const int LargePage = 2 << 20, AdviseHugePage = 14;

    /// <summary>Blocks below this size are not worth a large page each.</summary>
    private const int LeastBytes = 2 * LargePage;
    private static readonly ConcurrentDictionary<nint, long> Living = [];

    /// <summary>Takes <paramref name="bytes"/>, uninitialised.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much.</exception>
    internal PrivateMemory(long bytes) : base(ownsHandle: true)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, LargePage);
        SetHandle((nint)memory);
        Initialize((ulong)bytes);
        Living[handle] = bytes;
        try
        {
            if (OperatingSystem.IsLinux())
                _ = Advise((nint)memory, (nuint)bytes, AdviseHugePage);      // a hint: ordinary pages serve as well, only slower
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // A system without that call keeps ordinary pages.
        }
    }

    /// <summary>
    /// Bytes for an object that lives long, on large pages if there are many. They go with the last reference to them; a span is none, so whoever
    /// works through one keeps the object alive.
    /// </summary>
    internal static Memory<byte> Allocate(int length) =>
        length < LeastBytes ? AlignedBuffer.Allocate<byte>(length) : new Block(new(length), length).Memory;

    /// <summary>All bytes that are taken now, and those of them that lie on large pages; null for the second where the system does not say.</summary>
    internal static (long Bytes, long? Large) Pages()
    {
        KeyValuePair<nint, long>[] living = [.. Living];
        long bytes = living.Sum(block => block.Value), large = 0, inside = 0;
        try
        {
            foreach (string line in File.ReadLines("/proc/self/smaps"))
            {
                // An area begins with its addresses; of what follows one line says how much of it is on large pages.
                if (char.IsAsciiHexDigitLower(line[0]))
                {
                    int dash = line.IndexOf('-', StringComparison.Ordinal), space = line.IndexOf(' ', StringComparison.Ordinal);
                    nint begin = nint.Parse(line.AsSpan(0, dash), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                    nint end = nint.Parse(line.AsSpan(dash + 1, space - dash - 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                    inside = living.Sum(block => Math.Max(0, Math.Min(end, block.Key + (nint)block.Value) - Math.Max(begin, block.Key)));
                }
                else if (inside > 0 && line.StartsWith("AnonHugePages:", StringComparison.Ordinal))
                {
                    large += Math.Min(inside, 1024 * long.Parse(line.AsSpan(14).Trim().TrimEnd("kB "), CultureInfo.InvariantCulture));
                }
            }
            return (bytes, large);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or ArgumentOutOfRangeException)
        {
            return (bytes, null);                  // another system
        }
    }

    /// <summary>Whether <see cref="Pages"/> counts it.</summary>
    internal bool IsCounted => Living.ContainsKey(handle);

    protected override bool ReleaseHandle()
    {
        Living.TryRemove(handle, out _);
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nuint bytes, int advice);

    private sealed class Block(PrivateMemory memory, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new((void*)memory.handle, length);

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
            return new MemoryHandle((byte*)memory.handle + elementIndex, default, this);
        }

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing) => memory.Dispose();
    }
}
