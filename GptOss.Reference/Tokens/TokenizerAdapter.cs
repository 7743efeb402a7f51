using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace GptOss.Reference.Tokens;

/// <summary>
/// A tokenizer for programs that know <see cref="Microsoft.ML.Tokenizers.Tokenizer"/>: the same ids, with places in the text. Names of special tokens
/// are text, as in <see cref="Tokenizer.Encode"/>. Safe for many threads.
/// </summary>
/// <remarks>
/// A token may hold a part of a character. Its place is then the whole character, so neighbours may overlap; where a count of tokens is asked for,
/// the text is cut between characters only.
/// </remarks>
/// <param name="tokenizer">The tokenizer.</param>
public sealed class TokenizerAdapter(Tokenizer tokenizer) : Microsoft.ML.Tokenizers.Tokenizer
{
    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids) => tokenizer.Decode(ids.ToArray());

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        (idsConsumed, charsWritten) = (0, 0);
        var open = new List<int>();                                      // tokens since the last boundary between characters
        foreach (int id in ids)
        {
            open.Add(id);
            if (EndsInsideCharacter(open))
                continue;
            if (!TryAppend(open, destination, ref charsWritten))
                return OperationStatus.DestinationTooSmall;
            idsConsumed += open.Count;
            open.Clear();
        }

        if (!TryAppend(open, destination, ref charsWritten))
            return OperationStatus.DestinationTooSmall;
        idsConsumed += open.Count;
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        text ??= textSpan.ToString();
        int[] ids = tokenizer.Encode(text);
        Range[] places = Places(text, ids);
        int count = CountFromStart(ids, text, settings.MaxTokenCount, out int chars);
        return new EncodeResults<EncodedToken>
        {
            Tokens = [.. Enumerable.Range(0, count).Select(i => new EncodedToken(ids[i], text[places[i]], places[i]))],
            CharsConsumed = chars,
        };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        text ??= textSpan.ToString();
        int[] ids = tokenizer.Encode(text);
        int count = CountFromStart(ids, text, settings.MaxTokenCount, out int chars);
        return new EncodeResults<int> { Tokens = ids[..count], CharsConsumed = chars };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        CountFromStart(tokenizer.Encode(text ?? textSpan.ToString()), text ?? textSpan.ToString(), settings.MaxTokenCount, out _);

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd,
        out string? normalizedText, out int tokenCount)
    {
        normalizedText = null;
        text ??= textSpan.ToString();
        int[] ids = tokenizer.Encode(text);
        int index;
        if (fromEnd)
        {
            int first = Math.Max(0, ids.Length - settings.MaxTokenCount);
            while (first < ids.Length && !IsBoundary(ids, first, text, out _))
                first++;
            IsBoundary(ids, first, text, out index);
            tokenCount = ids.Length - first;
        }
        else
        {
            tokenCount = CountFromStart(ids, text, settings.MaxTokenCount, out index);
        }

        return index;
    }

    // The most tokens up to a maximum that end between characters, and the characters that they are.
    private int CountFromStart(int[] ids, string text, int most, out int chars)
    {
        int count = Math.Min(ids.Length, most);
        while (!IsBoundary(ids, count, text, out chars))
            count--;
        return count;
    }

    // Whether so many tokens are whole characters, and how many UTF-16 units those are.
    private bool IsBoundary(int[] ids, int count, string text, out int chars)
    {
        int bytes = ids.AsSpan(0, count).ToArray().Sum(id => tokenizer.TokenBytes(id).Length);
        chars = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (bytes <= 0)
                break;
            bytes -= rune.Utf8SequenceLength;
            chars += rune.Utf16SequenceLength;
        }

        return bytes == 0;
    }

    private bool TryAppend(List<int> ids, Span<char> destination, ref int written)
    {
        string text = tokenizer.Decode([.. ids]);
        if (!text.TryCopyTo(destination[written..]))
            return false;
        written += text.Length;
        return true;
    }

    private Range[] Places(string text, int[] ids)
    {
        // Of every byte the character that it belongs to; a lone surrogate is U+FFFD, whose length is the rune's, too.
        var starts = new List<int>(text.Length);
        var ends = new List<int>(text.Length);
        int at = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            for (int i = 0; i < rune.Utf8SequenceLength; i++)
            {
                starts.Add(at);
                ends.Add(at + rune.Utf16SequenceLength);
            }

            at += rune.Utf16SequenceLength;
        }

        var places = new Range[ids.Length];
        for (int i = 0, begin = 0; i < ids.Length; i++)
        {
            int end = begin + tokenizer.TokenBytes(ids[i]).Length;
            places[i] = starts[begin]..ends[end - 1];
            begin = end;
        }

        return places;
    }

    private bool EndsInsideCharacter(List<int> open)
    {
        byte[] bytes = [.. open.SelectMany(id => tokenizer.TryGetBytes(id, out ReadOnlyMemory<byte> token) ? token.ToArray() : [])];
        return bytes.Length > 0 && Rune.DecodeLastFromUtf8(bytes, out _, out int used) != OperationStatus.Done
            && Rune.DecodeFromUtf8(bytes.AsSpan(bytes.Length - used), out _, out _) == OperationStatus.NeedMoreData;
    }
}
