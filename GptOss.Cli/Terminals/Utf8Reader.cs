using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace GptOss.Cli.Terminals;

/// <summary>
/// Reads UTF-8 and names the first byte that is not, where another reader would silently put U+FFFD in its place. A byte-order mark is skipped.
/// </summary>
/// <param name="stream">What is read; closed with the reader.</param>
/// <param name="name">What it is called in messages.</param>
internal sealed class Utf8Reader(Stream stream, string name) : TextReader
{
    /// <summary>The most characters of a line, or of a text that is read as a whole: a device may have no end.</summary>
    internal int MostChars { get; init; } = 256 << 20;

    private readonly byte[] _bytes = new byte[1 << 12];
    private readonly char[] _chars = new char[1 << 12];
    private int _left, _next, _end;                    // bytes not decoded yet; characters decoded and not read yet
    private long _position;
    private bool _isAtEnd;

    /// <summary>Whether U+FFFD is what the user asked for with <c>--lossy</c>; null where the command has no such option.</summary>
    internal bool? IsLossy { get; set; }

    public override int Peek() => HasNext() ? _chars[_next] : -1;

    public override int Read() => HasNext() ? _chars[_next++] : -1;

    public override int Read(Span<char> buffer)
    {
        if (buffer.IsEmpty || !HasNext())
            return 0;
        int count = Math.Min(buffer.Length, _end - _next);
        _chars.AsSpan(_next, count).CopyTo(buffer);
        _next += count;
        return count;
    }

    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    /// <exception cref="InputException">The line has more than <see cref="MostChars"/> characters, or is not UTF-8.</exception>
    public override string? ReadLine()
    {
        if (!HasNext())
            return null;
        var line = new StringBuilder();
        while (HasNext())
        {
            ReadOnlySpan<char> ready = _chars.AsSpan(_next, _end - _next);
            int end = ready.IndexOfAny('\r', '\n');
            Append(line, end < 0 ? ready : ready[..end]);
            if (end < 0)
                continue;
            bool isReturn = _chars[_next++] == '\r';
            if (isReturn && HasNext() && _chars[_next] == '\n')
                _next++;
            break;
        }
        return line.ToString();
    }

    /// <exception cref="InputException">There are more than <see cref="MostChars"/> characters, or a byte is not UTF-8.</exception>
    public override string ReadToEnd()
    {
        var text = new StringBuilder();
        while (HasNext())
            Append(text, _chars.AsSpan(_next, _end - _next));
        return text.ToString();
    }

    private void Append(StringBuilder text, ReadOnlySpan<char> more)
    {
        if (more.Length > MostChars - text.Length)
            throw new InputException($"{name} goes on after {MostChars} characters, which is the most that is read at once.");
        text.Append(more);
        _next += more.Length;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            stream.Dispose();
        base.Dispose(disposing);
    }

    private bool HasNext()
    {
        while (_next == _end)
        {
            if (_isAtEnd && _left == 0)
                return false;
            Fill();
        }
        return true;
    }

    private void Fill()
    {
        if (!_isAtEnd)
        {
            int count = stream.Read(_bytes, _left, _bytes.Length - _left);
            _isAtEnd = count == 0;
            _left += count;
        }
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(0, _left);
        OperationStatus status = Utf8.ToUtf16(bytes, _chars, out int read, out int written, IsLossy == true, _isAtEnd);
        if (status == OperationStatus.InvalidData)
        {
            string advice = IsLossy is null ? "" : "; --lossy reads such bytes as U+FFFD";
            throw new InputException($"{name}: byte {_position + read} is 0x{bytes[read]:X2}, which is not UTF-8 there{advice}.");
        }
        (_next, _end) = (_position == 0 && written > 0 && _chars[0] == '\uFEFF' ? 1 : 0, written);
        bytes[read..].CopyTo(_bytes);
        _left -= read;
        _position += read;
    }
}
