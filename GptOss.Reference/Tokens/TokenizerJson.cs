using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Tokens;

/// <summary>Reads a Hugging Face <c>tokenizer.json</c> that may hold anything.</summary>
/// <remarks>
/// Required: a BPE <c>model.vocab</c> of byte-spelled tokens with ids 0 … R − 1, which are the merge ranks; <c>added_tokens</c> with the ids
/// from R on; and the published settings (<see cref="TokenizerShape"/>). <c>model.merges</c>, if there, must agree: each makes a token, in
/// ascending id order. Source: the published <c>tokenizer.json</c> of gpt-oss, and <c>huggingface/tokenizers</c>.
/// </remarks>
internal sealed class TokenizerJson
{
    private const long MostFileBytes = 256L << 20;
    private const int MostTokens = 1 << 20;
    private const int MostTokenBytes = 1024;
    private const int MostNameUnits = 128;      // keeps the search for names in text short

    private readonly string _path;
    private readonly byte[] _json;
    private readonly Dictionary<int, string> _added = [];
    private readonly List<int> _ids = [];       // of the vocabulary's tokens, in the file's order
    private readonly List<int> _ends = [];      // where their bytes end; each begins where the one before ends
    private readonly byte[] _bytes;
    private readonly byte[] _spelled = new byte[6 * MostTokenBytes];    // six bytes is the longest JSON escape
    private readonly byte[] _token = new byte[6 * MostTokenBytes];
    private int _used;

    private TokenizerJson(string path, byte[] json)
    {
        _path = path;
        _json = json.AsSpan().StartsWith("\uFEFF"u8) ? json[3..] : json;
        _bytes = new byte[json.Length];     // a token is never longer than its spelling
    }

    /// <summary>The tokens of the file at <paramref name="path"/>.</summary>
    internal static (TokenTable Table, SpecialTokens Specials) Read(string path)
    {
        long length = Files.Length(path);
        if (length > MostFileBytes)
            throw new TokenizerFormatException($"{path}: a tokenizer.json is at most {MostFileBytes} bytes; this file has {length}.");
        var reader = new TokenizerJson(path, length == 0 ? [] : File.ReadAllBytes(path));       // a device of length 0 may have no end
        try
        {
            return reader.ReadRoot();
        }
        catch (JsonException broken)
        {
            throw new TokenizerFormatException(
                $"{path}: expected JSON, found something else at line {broken.LineNumber + 1}, byte {broken.BytePositionInLine}.", broken);
        }
        catch (InvalidOperationException broken)
        {
            // The reader's answer to a string with an unpaired surrogate or malformed UTF-8; types are checked before every read.
            throw new TokenizerFormatException($"{path}: expected text in every string, found one that is not valid Unicode.", broken);
        }
    }

    private (TokenTable Table, SpecialTokens Specials) ReadRoot()
    {
        Dictionary<string, long> sections = Locate();
        if (!sections.TryGetValue("model.vocab", out long vocab))
            throw Broken("expected model.vocab, found none");
        RequirePublishedShape(sections);
        if (sections.TryGetValue("added_tokens", out long added))
            ReadAdded(added);
        ReadVocab(vocab);

        TokenTable table = BuildTable();
        string[] names = NamesFrom(table.Count);
        if (sections.TryGetValue("model.merges", out long merges))
            RequireMergesInRankOrder(merges, table);
        return (table, new SpecialTokens(table.Count, names));
    }

    // Where the value of each property begins, in bytes: those of the file, and those of the model as 'model.NAME'. The properties may
    // stand in any order, but are understood in one. This pass also meets every syntax error.
    private Dictionary<string, long> Locate()
    {
        var sections = new Dictionary<string, long>();
        Utf8JsonReader reader = ReaderAt(0);
        Require(ref reader, JsonTokenType.StartObject, "the file", "an object");
        Locate(ref reader, "", sections);
        reader.Read();      // throws if anything follows the one value of the file
        return sections;
    }

    private void Locate(ref Utf8JsonReader reader, string prefix, Dictionary<string, long> sections)
    {
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            string name = prefix + reader.GetString();
            Next(ref reader);
            if (!sections.TryAdd(name, reader.TokenStartIndex))
                throw Broken($"expected one '{Printable.Clip(name)}', found two");
            if (name != "model")
            {
                reader.Skip();
                continue;
            }

            RequireType(ref reader, JsonTokenType.StartObject, name, "an object");
            Locate(ref reader, "model.", sections);
        }
    }

    // Whatever is neither tokens nor about batches.
    private void RequirePublishedShape(Dictionary<string, long> sections)
    {
        var settings = new List<(string Path, string Value)>();
        foreach ((string name, long offset) in sections)
        {
            if (name is "version" or "truncation" or "padding" or "added_tokens" or "model" or "model.vocab" or "model.merges")
                continue;
            Utf8JsonReader reader = ReaderAt(offset);
            Next(ref reader);
            if (!TokenizerShape.TryCollect(ref reader, name, settings))
                throw Broken($"{Printable.Clip(name)} is too large for a tokenizer's settings");
        }

        if (TokenizerShape.Difference(settings) is { } difference)
            throw Broken(difference);
    }

    private void ReadAdded(long offset)
    {
        Utf8JsonReader reader = ReaderAt(offset);
        Require(ref reader, JsonTokenType.StartArray, "added_tokens", "a list");
        var names = new Dictionary<string, int>();
        for (int index = 0; Next(ref reader) != JsonTokenType.EndArray; index++)
        {
            string where = string.Create(CultureInfo.InvariantCulture, $"added_tokens[{index}]");
            if (index == MostTokens)
                throw Broken($"added_tokens has more than {MostTokens} entries");
            (int id, string content) = ReadAddedToken(ref reader, where);
            if (content.Length is 0 or > MostNameUnits)
                throw Broken($"{where}.content has {content.Length} characters; expected 1 to {MostNameUnits}");
            if (!names.TryAdd(content, id))
                throw Broken($"added_tokens gives '{Printable.Clip(content)}' ids {names[content]} and {id}; expected one");
            if (!_added.TryAdd(id, content))
                throw Broken($"added_tokens gives id {id} to '{Printable.Clip(_added[id])}' and '{Printable.Clip(content)}'; expected one");
        }
    }

    private (int Id, string Content) ReadAddedToken(ref Utf8JsonReader reader, string where)
    {
        RequireType(ref reader, JsonTokenType.StartObject, where, "an object");
        int? id = null;
        string? content = null;
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            bool isId = reader.ValueTextEquals("id"u8), isContent = reader.ValueTextEquals("content"u8);
            string? swallows = reader.ValueTextEquals("lstrip"u8) ? "lstrip" : reader.ValueTextEquals("rstrip"u8) ? "rstrip"
                : reader.ValueTextEquals("single_word"u8) ? "single_word" : null;
            Next(ref reader);
            if (swallows is not null && reader.TokenType != JsonTokenType.False)
                throw Broken($"{where}.{swallows} is not false, so the text around the token could get other ids; expected false");
            if (isId)
                id = IsId(ref reader, out int value) ? value : throw NoId(ref reader, where + ".id");
            if (isContent)
            {
                RequireType(ref reader, JsonTokenType.String, where + ".content", "a string");
                content = reader.GetString();
            }

            reader.Skip();
        }

        if (id is null || content is null)
            throw Broken($"{where} has no {(id is null ? "id" : "content")}");
        return (id.Value, content);
    }

    private void ReadVocab(long offset)
    {
        Utf8JsonReader reader = ReaderAt(offset);
        Require(ref reader, JsonTokenType.StartObject, "model.vocab", "an object");
        while (Next(ref reader) == JsonTokenType.PropertyName)
        {
            if (_ids.Count == MostTokens)
                throw Broken($"model.vocab has more than {MostTokens} tokens");
            ReadOnlySpan<byte> spelled = Spelled(ref reader, "model.vocab");
            Next(ref reader);
            if (!IsId(ref reader, out int id))
                throw NoId(ref reader, $"model.vocab['{Printable.Clip(Encoding.UTF8.GetString(spelled))}']");

            // Some writers list a special token in both places.
            if (_added.TryGetValue(id, out string? special) && Encoding.UTF8.GetString(spelled) == special)
                continue;
            int length = Unspell(spelled, _bytes.AsSpan(_used), "model.vocab");
            _used += length;
            _ids.Add(id);
            _ends.Add(_used);
        }
    }

    private TokenTable BuildTable()
    {
        int count = _ids.Count;
        var ranges = new TokenTable.Range32[count];
        bool[] seen = new bool[count];
        int outside = -1;
        for (int i = 0, begin = 0; i < count; begin = _ends[i], i++)
        {
            int id = _ids[i];
            var range = new TokenTable.Range32(begin, _ends[i] - begin);
            if (id >= count)
            {
                outside = outside < 0 ? id : Math.Min(outside, id);
                continue;
            }

            if (seen[id])
                throw Broken($"model.vocab gives id {id} to {ShowBytes(ranges[id])} and {ShowBytes(range)}; expected one");
            seen[id] = true;
            ranges[id] = range;
        }

        if (outside >= 0)
        {
            throw Broken(
                $"model.vocab has {count} tokens, so ids 0 to {count - 1} are expected; " +
                $"id {Array.IndexOf(seen, false)} is missing and {outside} is there");
        }
        if (!TokenTable.TryBuild(_bytes[.._used], ranges, out TokenTable table, out (int First, int Second) same))
            throw Broken($"model.vocab gives {ShowBytes(ranges[same.First])} ids {same.First} and {same.Second}; expected one");
        if (table.FirstMissingByte() is >= 0 and int missing)
            throw Broken($"model.vocab has no token for the single byte 0x{missing:X2}; expected all 256");
        return table;
    }

    private string[] NamesFrom(int firstId)
    {
        int[] ids = [.. _added.Keys];
        Array.Sort(ids);
        string[] names = new string[ids.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            int id = ids[i];
            string content = _added[id];
            if (id < firstId)
                throw Broken($"added token '{Printable.Clip(content)}' has id {id}, which is a merge rank; expected ids from {firstId} on");
            if (id != firstId + i)
            {
                throw Broken(
                    $"added_tokens has {names.Length} tokens, so ids {firstId} to {firstId + names.Length - 1} are expected; " +
                    $"'{Printable.Clip(content)}' has id {id}");
            }
            names[i] = content;
        }

        return names;
    }

    private void RequireMergesInRankOrder(long offset, TokenTable table)
    {
        Utf8JsonReader reader = ReaderAt(offset);
        Require(ref reader, JsonTokenType.StartArray, "model.merges", "a list");
        Span<byte> joined = stackalloc byte[2 * MostTokenBytes];
        int last = -1;
        for (int index = 0; Next(ref reader) != JsonTokenType.EndArray; index++)
        {
            string where = "model.merges";
            int length;
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                Require(ref reader, JsonTokenType.String, where, "two strings in each pair");
                length = Unspell(Spelled(ref reader, where), joined, where);
                Require(ref reader, JsonTokenType.String, where, "two strings in each pair");
                length += Unspell(Spelled(ref reader, where), joined[length..], where);
                Require(ref reader, JsonTokenType.EndArray, where, "two strings in each pair");
            }
            else
            {
                RequireType(ref reader, JsonTokenType.String, where, "strings or pairs");
                ReadOnlySpan<byte> pair = Spelled(ref reader, where);
                int space = pair.IndexOf((byte)' ');
                if (space < 0)
                    throw Broken($"{where}[{index}] is '{Printable.Clip(Encoding.UTF8.GetString(pair))}'; expected two tokens with a space between");
                length = Unspell(pair[..space], joined, where);
                length += Unspell(pair[(space + 1)..], joined[length..], where);
            }

            int id = table.Find(joined[..length]);
            if (id < 0)
                throw Broken($"{where}[{index}] makes a token that model.vocab does not have");
            if (id < last)
                throw Broken($"{where}[{index}] makes id {id} after a merge that made id {last}; expected ids in the order of merging");
            last = id;
        }
    }

    private ReadOnlySpan<byte> Spelled(ref Utf8JsonReader reader, string where)
    {
        if (reader.ValueSpan.Length > _spelled.Length)
            throw Broken($"{where} spells a token with {reader.ValueSpan.Length} bytes; expected at most {_spelled.Length}");
        if (!reader.ValueIsEscaped)
            return reader.ValueSpan;
        return _spelled.AsSpan(0, reader.CopyString(_spelled));
    }

    private int Unspell(ReadOnlySpan<byte> spelled, Span<byte> bytes, string where)
    {
        if (spelled.IsEmpty)
            throw Broken($"{where} has an empty token");
        if (!ByteAlphabet.TryDecode(spelled, _token, out int length))
        {
            throw Broken($"{where} spells a token '{Printable.Clip(Encoding.UTF8.GetString(spelled))}'; expected only the 256 " +
                $"characters that stand for bytes");
        }
        if (length > MostTokenBytes)
            throw Broken($"{where} has a token of {length} bytes; expected at most {MostTokenBytes}");
        _token.AsSpan(0, length).CopyTo(bytes);
        return length;
    }

    private static bool IsId(ref Utf8JsonReader reader, out int id)
    {
        id = 0;
        return reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out id) && id >= 0;
    }

    private TokenizerFormatException NoId(ref Utf8JsonReader reader, string where)
    {
        string found = reader.TokenType == JsonTokenType.Number ? Quote(Encoding.UTF8.GetString(reader.ValueSpan)) : JsonKind.Of(reader.TokenType);
        return Broken($"{where}: expected an id of 0 to {int.MaxValue}, found {found}");
    }

    private Utf8JsonReader ReaderAt(long offset) => new(_json.AsSpan((int)offset));

    private static JsonTokenType Next(ref Utf8JsonReader reader)
    {
        reader.Read();      // throws at the end of a file that is cut short
        return reader.TokenType;
    }

    private void Require(ref Utf8JsonReader reader, JsonTokenType type, string where, string expected)
    {
        Next(ref reader);
        RequireType(ref reader, type, where, expected);
    }

    private void RequireType(ref Utf8JsonReader reader, JsonTokenType type, string where, string expected)
    {
        if (reader.TokenType != type)
            throw Broken($"{where}: expected {expected}, found {JsonKind.Of(reader.TokenType)}");
    }

    private string ShowBytes(TokenTable.Range32 range) => Quote(Encoding.UTF8.GetString(_bytes, range.Start, range.Length));

    private static string Quote(string text) => $"'{Printable.Clip(text)}'";

    private TokenizerFormatException Broken(string what) => new($"{_path}: {what}.");
}
