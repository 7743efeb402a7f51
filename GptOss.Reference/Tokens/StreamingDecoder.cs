using System.Buffers;
using System.Text;

namespace GptOss.Reference.Tokens;

/// <summary>Turns ids into text one at a time and never returns half a character. One stream per instance; not thread-safe.</summary>
/// <remarks>
/// The texts of <see cref="Append"/> and the last <see cref="Flush"/>, joined, are <see cref="Tokenizer.Decode"/> of the ids.
/// Source: <c>openai/harmony</c>, <c>src/encoding.rs</c>, the content state of its streaming parser, which reports at most one
/// malformed sequence per token; here all of them are reported at once, with the same joined text.
/// </remarks>
/// <param name="tokenizer">What the ids mean.</param>
public sealed class StreamingDecoder(Tokenizer tokenizer)
{
    private readonly StringBuilder _text = new();
    private byte[] _pending = new byte[256];    // the beginning of a character, at most three bytes between calls
    private int _count;

    /// <summary>Takes the next id.</summary>
    /// <returns>The text that is now whole; null if the id completed no character.</returns>
    public string? Append(int id)
    {
        ReadOnlyMemory<byte> token = tokenizer.TryGetBytes(id, out ReadOnlyMemory<byte> known) ? known : Tokenizer.UnknownName(id);
        if (_pending.Length < _count + token.Length)
            Array.Resize(ref _pending, _count + token.Length);
        token.CopyTo(_pending.AsMemory(_count));
        _count += token.Length;
        return Take(isEnd: false) is { Length: > 0 } text ? text : null;
    }

    /// <summary>Ends the stream: an unfinished character becomes U+FFFD. The decoder can then be used for another stream.</summary>
    /// <returns>What was left, usually empty.</returns>
    public string Flush() => Take(isEnd: true);

    private string Take(bool isEnd)
    {
        ReadOnlySpan<byte> rest = _pending.AsSpan(0, _count);
        while (!rest.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(rest, out Rune rune, out int used);
            if (status == OperationStatus.NeedMoreData && !isEnd)
                break;
            _text.Append(rune.ToString());      // U+FFFD for a maximal malformed sequence, as Encoding.UTF8 has it
            rest = rest[used..];
        }

        rest.CopyTo(_pending);
        _count = rest.Length;
        string text = _text.ToString();
        _text.Clear();
        return text;
    }
}
