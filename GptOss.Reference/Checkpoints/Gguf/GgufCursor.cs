using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Checkpoints.Gguf;

/// <summary>Reads the front of a GGUF file from start to end. Every length is compared with the bytes that are left before anything is done with it.</summary>
internal ref struct GgufCursor(MappedFile map, long position)
{
    private const int LongestKeyBytes = 65_535, LongestNameBytes = 63;
    private const long LongestString = 1 << 30;

    /// <summary>The next byte to read.</summary>
    internal long Position { get; private set; } = position;

    internal readonly long Left => map.Length - Position;

    internal uint UInt32(string what) => BinaryPrimitives.ReadUInt32LittleEndian(Take(4, what));

    internal ulong UInt64(string what) => BinaryPrimitives.ReadUInt64LittleEndian(Take(8, what));

    internal ReadOnlySpan<byte> Take(int bytes, string what)
    {
        if (bytes > Left)
            throw Broken("gguf-end", $"the file ends inside {what}.");
        ReadOnlySpan<byte> taken = map.Span(Position, bytes);
        Position += bytes;
        return taken;
    }

    internal void Skip(long bytes) => Position += bytes;

    /// <summary>The length of a string whose bytes come next and are all there.</summary>
    internal int StringLength(string what)
    {
        ulong length = UInt64($"the length of {what}");
        return length <= LongestString && (long)length <= Left ? (int)length
            : throw Broken("gguf-string", $"{what} is a string with the length {length}; the file ends {Left} bytes on, and strings have at most {LongestString}.");
    }

    /// <summary>A metadata key.</summary>
    internal string Key(long number)
    {
        int length = StringLength($"metadata key {number}");
        return length is > 0 and <= LongestKeyBytes && Text(length) is { } key ? key
            : throw Broken("gguf-key", $"metadata key {number} is empty, longer than {LongestKeyBytes} bytes or not UTF-8.");
    }

    /// <summary>A tensor's name.</summary>
    internal string Name(long number)
    {
        // After a wrong metadata count the first name is what shows it.
        int length = StringLength(number == 0 ? "the name of tensor 0, right after the metadata," : $"the name of tensor {number}");
        return length is > 0 and <= LongestNameBytes && Text(length) is { } name ? name
            : throw Broken("gguf-name", $"the name of tensor {number} is empty, 64 bytes or longer, or not UTF-8.");
    }

    private string? Text(int length)
    {
        ReadOnlySpan<byte> bytes = Take(length, "a string");
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }

    internal readonly CheckpointFormatException Broken(string rule, string sentence) => new(map.Path, rule, sentence);
}
