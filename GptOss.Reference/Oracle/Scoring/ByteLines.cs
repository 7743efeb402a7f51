namespace GptOss.Reference.Oracle.Scoring;

/// <summary>A line of a file.</summary>
/// <param name="Number">Counted from 1, empty lines included.</param>
/// <param name="Start">Bytes before it.</param>
/// <param name="Bytes">Without the LF; valid until the next line is read.</param>
/// <param name="IsComplete">Whether an LF ends it: only the last line of a file may lack one.</param>
internal readonly record struct ByteLine(long Number, long Start, ReadOnlyMemory<byte> Bytes, bool IsComplete)
{
    /// <summary>Whether it holds white space at most.</summary>
    internal bool IsBlank => Bytes.Span.Trim(" \t\r"u8).IsEmpty;
}

/// <summary>Lines of UTF-8 files of any size. Lines end at LF alone; other characters that end lines elsewhere may occur inside JSON.</summary>
internal static class ByteLines
{
    /// <summary>The longest line that is read, in bytes.</summary>
    internal const int MostBytes = 256 << 20;

    private const int BlockBytes = 1 << 16;

    /// <summary>Reads a stream from its current position.</summary>
    /// <param name="stream">Stays open.</param>
    /// <param name="name">How messages call the file.</param>
    /// <exception cref="ScoringException">A line is longer than <see cref="MostBytes"/>.</exception>
    internal static IEnumerable<ByteLine> Read(Stream stream, string name)
    {
        byte[] buffer = new byte[BlockBytes];
        int held = 0, searched = 0;                     // bytes of unfinished lines, and how many of them are known to hold no LF
        long number = 1, start = 0;
        for (int count; (count = stream.Read(buffer, held, buffer.Length - held)) > 0;)
        {
            held += count;
            int begin = 0;
            for (int end; (end = Array.IndexOf(buffer, (byte)'\n', begin + searched, held - begin - searched)) >= 0; begin = end + 1, searched = 0)
            {
                yield return new(number++, start, buffer.AsMemory(begin, end - begin), true);
                start += end + 1 - begin;
            }
            held -= begin;
            searched = held;
            buffer.AsSpan(begin, held).CopyTo(buffer);
            if (held == MostBytes)
                throw new ScoringException($"{name}, line {number}: the line is longer than {MostBytes} bytes, which is the most that is read.");
            if (held > buffer.Length / 2)
                Array.Resize(ref buffer, (int)Math.Min(2L * buffer.Length, MostBytes));
        }
        if (held > 0)
            yield return new(number, start, buffer.AsMemory(0, held), false);
    }
}
