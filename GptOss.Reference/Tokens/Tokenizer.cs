using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace GptOss.Reference.Tokens;

/// <summary>Text ↔ token ids: o200k_harmony, or the vocabulary of a checkpoint's own <c>tokenizer.json</c>.</summary>
/// <remarks>
/// Text is cut into pieces (<see cref="Split"/>); a piece that is a token becomes that token, any other is merged byte pair by byte
/// pair in rank order. Unpaired surrogates count as U+FFFD. Instances are immutable and safe for many threads.
/// Sources: <c>tiktoken</c> (<c>src/lib.rs</c>, <c>tiktoken_ext/openai_public.py</c>), <c>openai/harmony</c> (<c>src/tiktoken.rs</c>).
/// </remarks>
public sealed class Tokenizer
{
    private static readonly Lazy<Tokenizer> O200k = new(() => new Tokenizer(PackagedVocabulary.Load()));
    private readonly TokenTable _table;
    private readonly SpecialTokens _specials;

    private Tokenizer((TokenTable Table, SpecialTokens Specials) parts) => (_table, _specials) = parts;

    /// <summary>o200k_harmony, the tokenizer of both released models: 201,088 ids. Read on first use, then shared.</summary>
    public static Tokenizer O200kHarmony => O200k.Value;

    /// <summary>Number of ids; every id from 0 to Count − 1 is a token.</summary>
    public int Count => _specials.FirstId + _specials.Count;

    /// <summary>Reads a Hugging Face <c>tokenizer.json</c> whose ids are merge ranks and whose pieces are those of o200k.</summary>
    /// <param name="path">The file; it need not be trustworthy.</param>
    /// <exception cref="TokenizerFormatException">The file breaks a rule; the message says which.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Tokenizer FromJson(string path) => new(TokenizerJson.Read(path));

    /// <summary>A tokenizer of a listed vocabulary; o200k_harmony where it is that.</summary>
    /// <exception cref="TokenizerFormatException">The list breaks a rule.</exception>
    internal static Tokenizer FromList(ListedVocabulary list)
    {
        var listed = new Tokenizer(list.Build());
        return listed.Count == O200kHarmony.Count && O200kHarmony._table.HasSameTokens(listed._table) ? O200kHarmony : listed;
    }

    /// <summary>
    /// The tokenizer of a checkpoint: the folder's <c>tokenizer.json</c>; for a folder named <c>original</c> without one, its parent's;
    /// otherwise o200k_harmony.
    /// </summary>
    /// <param name="folder">A checkpoint folder.</param>
    /// <exception cref="TokenizerFormatException">A <c>tokenizer.json</c> is there and breaks a rule.</exception>
    public static Tokenizer ForCheckpoint(string folder)
    {
        string own = Path.Combine(folder, "tokenizer.json");
        if (File.Exists(own))
            return FromJson(own);

        var directory = new DirectoryInfo(folder);
        if (directory is { Name: "original", Parent: { } parent })
        {
            string above = Path.Combine(parent.FullName, "tokenizer.json");
            if (File.Exists(above))
                return FromJson(above);
        }

        return O200kHarmony;
    }

    /// <summary>Encodes in ordinary mode: the names of special tokens are plain text. For everything that users, tools or files say.</summary>
    /// <returns>Ids below the special ones; empty for empty text.</returns>
    public int[] Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        EncodeOrdinary(WellFormed(text), ids, new BytePairMerger(_table));
        return [.. ids];
    }

    /// <summary>
    /// Encodes with every special name (or alias, such as <c>&lt;|endofprompt|&gt;</c>) becoming its id. The text between two names is cut
    /// into pieces as a text of its own. For prompts whose author may write special tokens, never for message content.
    /// </summary>
    public int[] EncodeWithSpecials(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>(text.Length / 3 + 4);
        var merger = new BytePairMerger(_table);
        ReadOnlySpan<char> rest = WellFormed(text);
        while (!rest.IsEmpty)
        {
            int special = _specials.Find(rest, 0, out int length, out int id);
            EncodeOrdinary(special < 0 ? rest : rest[..special], ids, merger);
            if (special < 0)
                break;
            ids.Add(id);
            rest = rest[(special + length)..];
        }

        return [.. ids];
    }

    /// <summary>The pieces of <paramref name="text"/> in ordinary mode, in order; joined they are the text. Equal for all vocabularies.</summary>
    public static IReadOnlyList<string> Split(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = WellFormed(text);
        var pieces = new List<string>();
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = PieceSplitter.PieceEnd(text, start);
            pieces.Add(text[start..end]);
        }

        return pieces;
    }

    /// <summary>
    /// Decodes for people: special tokens by name, an id without a token as <c>&lt;|id N|&gt;</c>, and U+FFFD for each maximal sequence of
    /// bytes that is not UTF-8. Never fails.
    /// </summary>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>(ids.Length * 4 + 16);
        foreach (int id in ids)
            bytes.Write((TryGetBytes(id, out ReadOnlyMemory<byte> token) ? token : UnknownName(id)).Span);
        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }

    /// <summary>The bytes of all ids joined; a special token contributes its name in UTF-8.</summary>
    /// <exception cref="TokenDecodingException">An id has no token.</exception>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids)
    {
        var bytes = new ArrayBufferWriter<byte>(ids.Length * 4 + 16);
        foreach (int id in ids)
            bytes.Write(TokenBytes(id).Span);
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Decodes strictly.</summary>
    /// <exception cref="TokenDecodingException">An id has no token, or the joined bytes are not UTF-8.</exception>
    public string DecodeUtf8(ReadOnlySpan<int> ids)
    {
        byte[] bytes = DecodeBytes(ids);
        if (Utf8.IsValid(bytes))
            return Encoding.UTF8.GetString(bytes);
        int at = 0;
        while (Rune.DecodeFromUtf8(bytes.AsSpan(at), out _, out int used) == OperationStatus.Done)
            at += used;
        throw new TokenDecodingException($"Invalid utf-8: no whole character begins at byte {at} of the {bytes.Length} decoded.");
    }

    /// <summary>Whether <paramref name="id"/> is a special token.</summary>
    public bool IsSpecial(int id) => _specials.Contains(id);

    /// <summary>Whether <paramref name="id"/> is a token at all.</summary>
    public bool IsKnown(int id) => (uint)id < (uint)Count;

    /// <summary>The id of the special token called <paramref name="name"/>, aliases included; null if there is none.</summary>
    /// <param name="name">The whole name, such as <c>&lt;|start|&gt;</c>.</param>
    public int? SpecialId(string name) => _specials.TryGetId(name, out int id) ? id : null;

    /// <summary>The name of a special token; null for any other id.</summary>
    public string? SpecialName(int id) => _specials.Contains(id) ? _specials.Name(id) : null;

    /// <summary>The bytes of one token; of a special one, its name in UTF-8. They need not be whole characters.</summary>
    /// <exception cref="TokenDecodingException">The id has no token.</exception>
    public ReadOnlyMemory<byte> TokenBytes(int id) => TryGetBytes(id, out ReadOnlyMemory<byte> bytes)
        ? bytes
        : throw new TokenDecodingException($"Invalid token for decoding: {id}; this tokenizer has ids 0 to {Count - 1}.");

    /// <summary>As <see cref="TokenBytes"/>, but false for an id without a token.</summary>
    public bool TryGetBytes(int id, out ReadOnlyMemory<byte> bytes)
    {
        bool known = IsKnown(id);
        bytes = !known ? default : id < _table.Count ? _table.Bytes(id) : _specials.Bytes(id);
        return known;
    }

    /// <summary>The ordinary token with exactly these bytes, or −1.</summary>
    internal int FindText(ReadOnlySpan<byte> bytes) => _table.Find(bytes);

    /// <summary>What stands for an id without a token in text for people: <c>&lt;|id N|&gt;</c>.</summary>
    internal static byte[] UnknownName(int id) => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"<|id {id}|>"));

    private void EncodeOrdinary(ReadOnlySpan<char> text, List<int> ids, BytePairMerger merger)
    {
        Span<byte> small = stackalloc byte[384];
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = PieceSplitter.PieceEnd(text, start);
            ReadOnlySpan<char> piece = text[start..end];
            byte[]? rented = piece.Length * 3 > small.Length ? ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(piece.Length)) : null;
            Span<byte> bytes = rented ?? small;
            bytes = bytes[..Encoding.UTF8.GetBytes(piece, bytes)];
            int whole = _table.Find(bytes);
            if (whole >= 0)
                ids.Add(whole);
            else
                merger.Merge(bytes, ids);
            if (rented is not null)
                ArrayPool<byte>.Shared.Return(rented);
        }
    }

    // The reference goes through UTF-16 with replacement, which does the same.
    private static string WellFormed(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
                i++;
            else
                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        }

        return text;
    }
}
