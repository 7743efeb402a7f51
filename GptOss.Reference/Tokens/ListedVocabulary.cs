using System.Text;

namespace GptOss.Reference.Tokens;

/// <summary>A vocabulary that is listed token by token, as GGUF files have it: merge ranks first, then special tokens.</summary>
/// <remarks>
/// Names of special tokens are those of the form <c>&lt;|name|&gt;</c>. Others (<c>[PAD0]</c>, <c>[PAD200019]</c>) fill the vocabulary up, are not
/// text, and print as reserved ids.
/// </remarks>
internal sealed class ListedVocabulary
{
    private const int MostTokenBytes = 4096;
    private readonly string _where;
    private readonly List<TokenTable.Range32> _ranges = [];
    private readonly List<string> _names = [];
    private readonly HashSet<string> _specials = new(StringComparer.Ordinal);
    private byte[] _bytes = new byte[1 << 16];
    private int _used;

    /// <summary>Begins an empty list.</summary>
    /// <param name="where">File and key, for messages.</param>
    internal ListedVocabulary(string where) => _where = where;

    /// <summary>Tokens so far.</summary>
    private int Count => _ranges.Count + _names.Count;

    /// <summary>Adds the next token.</summary>
    /// <param name="utf8">Its spelling; valid UTF-8.</param>
    /// <param name="isText">Whether it is text, spelled in <see cref="ByteAlphabet"/>, whose id is its merge rank.</param>
    /// <exception cref="TokenizerFormatException">A normal token after a special one, a character that stands for no byte, or a name
    /// twice.</exception>
    internal void Add(ReadOnlySpan<byte> utf8, bool isText)
    {
        if (isText)
        {
            if (_names.Count > 0)
                throw Broken($"token {Count} is text after the special token {_ranges.Count}; texts come first, in the order of their merges");
            AddText(utf8);
            return;
        }
        string name = Encoding.UTF8.GetString(utf8);
        if (!name.StartsWith("<|", StringComparison.Ordinal) || !name.EndsWith("|>", StringComparison.Ordinal) || utf8.Length > MostTokenBytes)
            name = $"<|reserved_{Count}|>";
        if (!_specials.Add(name))
            throw Broken($"token {Count} has a name that is there twice");
        _names.Add(name);
    }

    /// <summary>Table and names, once all tokens have been added.</summary>
    /// <exception cref="TokenizerFormatException">A text twice, or a byte without a token.</exception>
    internal (TokenTable Table, SpecialTokens Specials) Build()
    {
        if (!TokenTable.TryBuild(_bytes[.._used], [.. _ranges], out TokenTable table, out (int First, int Second) same))
            throw Broken($"tokens {same.First} and {same.Second} are the same text, which is there twice");
        if (table.FirstMissingByte() is >= 0 and int missing)
            throw Broken($"there is no token for the single byte 0x{missing:X2}; expected all 256");
        return (table, new SpecialTokens(table.Count, [.. _names]));
    }

    private void AddText(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty || utf8.Length > MostTokenBytes)
            throw Broken($"token {Count} has {utf8.Length} bytes; expected 1 to {MostTokenBytes}");
        if (_bytes.Length - _used < utf8.Length)
            Array.Resize(ref _bytes, 2 * _bytes.Length);
        if (!ByteAlphabet.TryDecode(utf8, _bytes.AsSpan(_used), out int count))
            throw Broken($"token {Count} has a character that stands for no byte");
        int start = _used;
        _used += count;
        _ranges.Add(new TokenTable.Range32(start, _used - start));
    }

    private TokenizerFormatException Broken(string what) => new($"{_where}: {what}.");
}
