using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>A <c>.npz</c>: a zip archive of <c>.npy</c> arrays. Stored arrays are read in place; of deflated ones the last that was read is held in memory.</summary>
/// <remarks>Source: PKWARE, <c>APPNOTE.TXT</c> 6.3.10, sections 4.3.7, 4.3.12, 4.3.16, 4.4.5 and 4.5.3.</remarks>
internal sealed class NpzFile : IDisposable
{
    /// <summary>What one deflated array may take of memory.</summary>
    private const long MostInflated = 1 << 30;

    /// <summary>Deflate makes at most 1,032 bytes of one.</summary>
    private const long MostRatio = 1032;
    private const string Rule = "npz", ArrayExtension = ".npy";

    private readonly string _path;
    private readonly MappedFile _map;
    private readonly Dictionary<string, byte[]> _inflated = [];
    private readonly HashSet<string> _checked = [];

    private NpzFile(string path, MappedFile map) => (_path, _map) = (path, map);

    private readonly record struct Entry(string Name, bool IsDeflated, uint Crc, long Compressed, long Length, long Start);

    /// <summary>The tensors of an archive.</summary>
    /// <param name="path">The file.</param>
    /// <param name="map">The same, mapped.</param>
    /// <param name="files">Receives what must be closed.</param>
    /// <param name="unread">Receives entries that cannot be read.</param>
    /// <exception cref="CheckpointFormatException">It is not an archive of such arrays.</exception>
    internal static List<DumpTensor> Open(string path, MappedFile map, List<IDisposable> files, List<UnreadMember> unread)
    {
        var archive = new NpzFile(path, map);
        files.Add(archive);
        var tensors = new List<DumpTensor>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        List<(string File, long At)> listed = archive.Listed();
        if (listed.TrueForAll(entry => !IsArray(entry.File)) && listed.Exists(entry => entry.File.EndsWith(".pkl", StringComparison.Ordinal)))
            throw archive.Bad("this is a PyTorch file; save the tensors with the safetensors package, or as .npy, instead.");
        foreach ((string file, long at) in listed)
        {
            string name = IsArray(file) ? file[..^ArrayExtension.Length] : file;
            if (!names.Add(name))
                throw archive.Bad($"'{Printable.Clip(file)}' occurs twice.");
            try
            {
                Entry entry = archive.EntryAt(at, file);
                tensors.Add(NpyHeader.Parse(archive.StartOf(entry), entry.Length).Tensor(path, name, (offset, count) => archive.Bytes(entry, offset, count)));
            }
            catch (UnreadMemberException e)
            {
                unread.Add(new(name, e.Message));
            }
        }
        return tensors;
    }

    public void Dispose() => _inflated.Clear();

    /// <summary>Bytes of an array, whose checksum has been compared before any of it is handed out.</summary>
    private ReadOnlySpan<byte> Bytes(Entry entry, long offset, int count)
    {
        if (entry.IsDeflated)
        {
            if (!_inflated.TryGetValue(entry.Name, out byte[]? bytes))
            {
                _inflated.Clear();
                bytes = InflateAll(entry);
                RequireCrc(entry, Crc32.Of(bytes, 0));
                _inflated.Add(entry.Name, bytes);
            }
            return bytes.AsSpan((int)offset, count);
        }
        if (_checked.Add(entry.Name))
        {
            uint crc = 0;
            for (long at = 0; at < entry.Length; at += 1 << 20)
                crc = Crc32.Of(_map.Span(entry.Start + at, (int)Math.Min(1 << 20, entry.Length - at)), crc);
            RequireCrc(entry, crc);
        }
        return _map.Span(entry.Start + offset, count);
    }

    private byte[] StartOf(Entry entry)
    {
        int count = (int)Math.Min(entry.Length, NpyHeader.MostBytes);
        return entry.IsDeflated ? Inflate(entry, count) : _map.Span(entry.Start, count).ToArray();
    }

    private byte[] InflateAll(Entry entry)
    {
        try
        {
            return Inflate(entry, entry.Length);
        }
        catch (UnreadMemberException e)
        {
            throw Bad($"'{Printable.Clip(entry.Name)}' {e.Message}.");
        }
    }

    private byte[] Inflate(Entry entry, long count)
    {
        try
        {
            using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.Read);
            file.Position = entry.Start;
            using var inflate = new DeflateStream(file, CompressionMode.Decompress);
            byte[] bytes = new byte[count];
            return inflate.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length ? bytes
                : throw new UnreadMemberException($"inflates to less than the {entry.Length} bytes that are announced");
        }
        catch (InvalidDataException)
        {
            throw new UnreadMemberException("is not a valid deflate stream");
        }
        catch (Exception e) when (Files.IsReadFailure(e))
        {
            throw Files.Unreadable(_path, e);
        }
    }

    private void RequireCrc(Entry entry, uint crc)
    {
        if (crc != entry.Crc)
            throw Bad($"'{Printable.Clip(entry.Name)}' has the checksum {crc:x8}; the archive says {entry.Crc:x8}.");
    }

    private static bool IsArray(string file) => file.EndsWith(ArrayExtension, StringComparison.Ordinal);

    /// <summary>The names in the central directory, and where each entry of it begins.</summary>
    private List<(string File, long At)> Listed()
    {
        (long at, long count) = Directory();
        var entries = new List<(string, long)>();
        for (; count > 0; count--)
        {
            ReadOnlySpan<byte> head = Span(at, 46, "a directory entry");
            if (U32(head, 0) != 0x02014b50)
                throw Bad($"there is no directory entry at byte {at}.");
            int nameBytes = U16(head, 28), extraBytes = U16(head, 30), commentBytes = U16(head, 32);
            ReadOnlySpan<byte> tail = Span(at + 46, nameBytes + extraBytes, "a directory entry");
            entries.Add((Encoding.UTF8.GetString(tail[..nameBytes]), at));
            at += 46 + nameBytes + extraBytes + commentBytes;
        }
        return entries.Count > 0 ? entries : throw Bad("the archive is empty.");
    }

    /// <summary>An entry of the directory, checked against the file's length.</summary>
    private Entry EntryAt(long at, string name)
    {
        ReadOnlySpan<byte> head = _map.Span(at, 46);
        ReadOnlySpan<byte> extra = _map.Span(at + 46 + U16(head, 28), U16(head, 30));
        int method = U16(head, 10);
        long compressed = U32(head, 20), length = U32(head, 24), local = U32(head, 42);
        if (!IsArray(name))
            throw new UnreadMemberException("is not a .npy array");
        if ((U16(head, 8) & 1) != 0)
            throw new UnreadMemberException("is encrypted");
        if (method is not (0 or 8))
            throw new UnreadMemberException($"is packed by method {method}; expected stored or deflated");
        Zip64(extra, ref length, ref compressed, ref local);
        ReadOnlySpan<byte> here = Span(local, 30, $"'{Printable.Clip(name)}'");
        if (U32(here, 0) != 0x04034b50)
            throw Bad($"'{Printable.Clip(name)}' is not at byte {local}, where the directory says it is.");
        long start = local + 30 + U16(here, 26) + U16(here, 28);
        if (compressed < 0 || length < 0 || start > _map.Length - compressed)
            throw Bad($"'{Printable.Clip(name)}' is said to have {compressed} bytes from byte {start} of a file of {_map.Length}.");
        if (method == 0 ? compressed != length : length / MostRatio > compressed)
            throw new UnreadMemberException($"is said to be {length} bytes in {compressed}, which cannot be");
        if (method != 0 && length > MostInflated)
            throw new UnreadMemberException($"inflates to {length} bytes; at most {MostInflated} are read, more only without compression (numpy.savez)");
        return new(name, method != 0, U32(head, 16), compressed, length, start);
    }

    /// <summary>Where the central directory begins, and how many entries it has.</summary>
    private (long At, long Count) Directory()
    {
        int most = (int)Math.Min(_map.Length, 22 + 65535);
        long first = _map.Length - most;
        ReadOnlySpan<byte> end = _map.Span(first, most);
        int found = end.LastIndexOf("PK\u0005\u0006"u8);
        if (found < 0 || most - found < 22)
            throw Bad("this is not a complete zip archive: its directory is missing.");
        long count = U16(end, found + 10), at = U32(end, found + 16);
        if (count != 0xFFFF && at != 0xFFFFFFFF || first + found < 20)
            return (at, count);
        ReadOnlySpan<byte> locator = Span(first + found - 20, 20, "the directory");
        if (U32(locator, 0) != 0x07064b50)
            return (at, count);
        ReadOnlySpan<byte> end64 = Span(I64(locator, 8), 56, "the directory");
        return U32(end64, 0) == 0x06064b50 ? (I64(end64, 48), I64(end64, 32)) : throw Bad("the directory is not where the archive says it is.");
    }

    /// <summary>Sizes of 4 GiB and more are in an extra field, in this order, each only where the plain field is full.</summary>
    private static void Zip64(ReadOnlySpan<byte> extra, ref long length, ref long compressed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int id = U16(extra, 0), size = Math.Min(U16(extra, 2), extra.Length - 4);
            ReadOnlySpan<byte> field = extra.Slice(4, size);
            if (id == 1)
            {
                Take(ref field, ref length);
                Take(ref field, ref compressed);
                Take(ref field, ref local);
            }
            extra = extra[(4 + size)..];
        }

        static void Take(ref ReadOnlySpan<byte> field, ref long value)
        {
            if (value != 0xFFFFFFFF || field.Length < 8)
                return;
            value = I64(field, 0);
            field = field[8..];
        }
    }

    private ReadOnlySpan<byte> Span(long at, int count, string what) => at >= 0 && at <= _map.Length - count ? _map.Span(at, count)
        : throw Bad($"the archive ends inside {what}.");

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static long I64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);

    private CheckpointFormatException Bad(string sentence) => new(_path, Rule, sentence);

    /// <summary>CRC-32 as zip archives have it: reflected polynomial 0xEDB88320.</summary>
    private static class Crc32
    {
        private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(i =>
        {
            uint value = (uint)i;
            for (int bit = 0; bit < 8; bit++)
                value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
            return value;
        })];

        internal static uint Of(ReadOnlySpan<byte> bytes, uint before)
        {
            uint crc = ~before;
            foreach (byte value in bytes)
                crc = Table[(byte)(crc ^ value)] ^ (crc >> 8);
            return ~crc;
        }
    }
}
