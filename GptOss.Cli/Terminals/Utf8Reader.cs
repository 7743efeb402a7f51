using System.Buffers;
using System.Text.Unicode;

namespace GptOss.Cli.Terminals;

/// <summary>Reads UTF-8 and names the first byte that is not, where another reader would put U+FFFD in its place without a word. A byte-order mark is skipped.</summary>
/// <param name="stream">What is read; closed with the reader.</param>
/// <param name="name">What it is called in messages.</param>
internal sealed class Utf8Reader(Stream stream, string name) : TextReader
{
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
