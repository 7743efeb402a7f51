using System.Text;
using System.Text.Unicode;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>The text of one message as its tokens come, decoded as the published parser does it.</summary>
/// <remarks>
/// At most one malformed sequence is reported per token; what follows it waits for the next. An id without a token hides everything after it:
/// the message then ends in one U+FFFD for all of that, and <see cref="Hidden"/> keeps the ids.
/// Source: <c>openai/harmony</c>, <c>src/encoding.rs</c>, the content state.
/// </remarks>
internal sealed class ContentDecoder(Tokenizer tokenizer)
{
    private readonly StringBuilder _text = new();
    private readonly List<byte> _pending = [];
    private readonly List<int> _hidden = [];

    /// <summary>What is decoded so far.</summary>
    internal string Text => _text.ToString();

    /// <summary>The first id without a token and all after it.</summary>
    internal IReadOnlyList<int> Hidden => _hidden;

    /// <summary>Takes the next token.</summary>
    /// <returns>The text that is now whole; null for none.</returns>
    internal string? Append(int id)
    {
        if (_hidden.Count > 0 || !tokenizer.TryGetBytes(id, out ReadOnlyMemory<byte> bytes))
        {
            _hidden.Add(id);
            return null;
        }

        _pending.AddRange(bytes.Span);
        byte[] all = [.. _pending];
        var delta = new StringBuilder();
        int used = 0;
        for (System.Buffers.OperationStatus status = default; used < all.Length && status == default;)
        {
            status = Rune.DecodeFromUtf8(all.AsSpan(used), out Rune rune, out int length);
            if (status == System.Buffers.OperationStatus.NeedMoreData)
                break;
            delta.Append(rune.ToString());      // U+FFFD for the first maximal malformed sequence, after which the loop ends
            used += length;
        }

        _pending.RemoveRange(0, used);
        _text.Append(delta);
        return delta.Length > 0 ? delta.ToString() : null;
    }

    /// <summary>Ends the message.</summary>
    /// <returns>What no delta reported: U+FFFD for hidden ids, then those pending bytes that are text.</returns>
    internal string Finish()
    {
        string rest = (_hidden.Count > 0 ? "\uFFFD" : "") + Encoding.UTF8.GetString([.. _pending]);
        _text.Append(rest);
        return rest;
    }

    /// <summary>The text of ids that must be whole characters; null if they are not.</summary>
    internal static string? Strict(Tokenizer tokenizer, IReadOnlyList<int> ids)
    {
        if (!ids.All(tokenizer.IsKnown))
            return null;
        byte[] bytes = tokenizer.DecodeBytes([.. ids]);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }
}
