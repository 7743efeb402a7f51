using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using GptOss.Reference.Generation.Constraints.Languages;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>What masks need to know of a tokenizer, made once: the tokens as trees, and which of them are plain content of a string.</summary>
/// <remarks>
/// Plain tokens are whole characters without quote, backslash and control character: 97 of 100 in o200k. The other ones are a small tree.
/// </remarks>
internal sealed class Vocabulary
{
    private const byte FirstNeverInText = 0xF5;         // no UTF-8 has these

    private static readonly ConditionalWeakTable<Tokenizer, Vocabulary> Known = [];

    [ThreadStatic]
    private static ulong[]? _scratch;

    private readonly Tokenizer _tokenizer;
    private readonly int[] _plainByLength;              // ids, by number of characters
    private readonly ulong[] _text;
    private readonly ushort[] _characters;              // of plain tokens
    private readonly int[] _countUpTo;                  // how many of them have at most so many
    private readonly ulong[]?[] _plainUpTo;

    /// <summary>Makes it anew, which takes a tenth of a second for o200k; <see cref="Of"/> does it once for each tokenizer.</summary>
    internal Vocabulary(Tokenizer tokenizer)
    {
        _tokenizer = tokenizer;
        Count = tokenizer.Count;
        _characters = new ushort[Count];
        Words = (Count + 63) / 64;
        _text = new ulong[Words];
        Ordinary = new ulong[Words];
        var all = new List<(int Id, ReadOnlyMemory<byte> Bytes)>(Count);
        var special = new List<(int Id, ReadOnlyMemory<byte> Bytes)>();
        var plain = new List<(int Length, int Id)>(Count);
        for (int id = 0; id < Count; id++)
        {
            if (tokenizer.IsSpecial(id))
                continue;
            Ordinary[id / 64] |= 1UL << id;
            ReadOnlyMemory<byte> bytes = tokenizer.TokenBytes(id);
            if (bytes.Length == 0 || bytes.Span.IndexOfAnyInRange(FirstNeverInText, byte.MaxValue) >= 0)
                continue;
            all.Add((id, bytes));
            _text[id / 64] |= 1UL << id;
            if (!IsPlain(bytes.Span))
            {
                special.Add((id, bytes));
                continue;
            }

            int characters = Encoding.UTF8.GetCharCount(bytes.Span) - SurrogatePairs(bytes.Span);
            plain.Add((characters, id));
            _characters[id] = (ushort)Math.Min(characters, ushort.MaxValue);
        }

        Comparison<(int Id, ReadOnlyMemory<byte> Bytes)> byBytes = (x, y) => x.Bytes.Span.SequenceCompareTo(y.Bytes.Span);
        all.Sort(byBytes);
        special.Sort(byBytes);
        plain.Sort();
        var odd = special.Select(token => token.Id).ToHashSet();
        All = new TokenTrie(all, id => !odd.Contains(id));
        NotPlain = new TokenTrie(special, id => !odd.Contains(id));
        Quotes = new QuoteEnds([All, NotPlain], id => tokenizer.TokenBytes(id));
        LongestToken = all.Max(token => token.Bytes.Length);
        _plainByLength = [.. plain.Select(token => token.Id)];
        LongestPlain = plain.Count > 0 ? plain[^1].Length : 0;
        _countUpTo = new int[LongestPlain + 1];
        foreach ((int length, _) in plain)
            _countUpTo[length]++;
        for (int length = 1; length <= LongestPlain; length++)
            _countUpTo[length] += _countUpTo[length - 1];
        _plainUpTo = new ulong[LongestPlain + 1][];
    }

    /// <summary>The number of ids.</summary>
    internal int Count { get; }

    /// <summary>The words of a mask over them.</summary>
    internal int Words { get; }

    /// <summary>Every token that may be in JSON text or in a header.</summary>
    internal TokenTrie All { get; }

    /// <summary>Of these, the ones that are not plain.</summary>
    internal TokenTrie NotPlain { get; }

    /// <summary>Where strings end inside tokens.</summary>
    internal QuoteEnds Quotes { get; }

    /// <summary>A mask of every token that is not special.</summary>
    internal ulong[] Ordinary { get; }

    /// <summary>The most bytes of a token.</summary>
    internal int LongestToken { get; }

    /// <summary>The most characters of a plain token.</summary>
    internal int LongestPlain { get; }

    /// <summary>Masks of leaves, learned while they are used.</summary>
    internal MaskCache Masks { get; } = new();

    /// <summary>What is known of a tokenizer.</summary>
    internal static Vocabulary Of(Tokenizer tokenizer) => Known.GetValue(tokenizer, static key => new Vocabulary(key));

    /// <summary>Whether a token is in <see cref="All"/>.</summary>
    internal bool IsText(int id) => (uint)id < (uint)Count && (_text[id / 64] >> id & 1) != 0;

    /// <summary>The token of a single byte; every vocabulary has one for each byte of UTF-8.</summary>
    internal int ByteToken(byte value) => All.TokenAt(All.Find([value]));

    /// <summary>The bytes of a token.</summary>
    internal ReadOnlyMemory<byte> BytesOf(int id) => _tokenizer.TokenBytes(id);

    /// <summary>How many characters a plain token has.</summary>
    internal int CharactersOf(int id) => _characters[id];

    /// <summary>The tokens that stay inside a text of an automaton that is not one of strings or keys.</summary>
    internal LeafMask TextMask(Automaton automaton, int state) =>
        Masks.Get(new(automaton, state, 0, int.MaxValue), this, static (key, vocabulary) => new LeafWalk(vocabulary).Make(key));

    /// <summary>Bytes as tokens: as the tokenizer spells them, after what finishes a character that is already begun.</summary>
    internal List<int> TokensOf(ReadOnlySpan<byte> bytes)
    {
        var ids = new List<int>();
        for (; !bytes.IsEmpty && bytes[0] is >= 0x80 and < 0xC0; bytes = bytes[1..])
            ids.Add(ByteToken(bytes[0]));
        ids.AddRange(_tokenizer.Encode(Encoding.UTF8.GetString(bytes)));
        return ids;
    }

    /// <summary>Fills a mask that may be over fewer or more ids than there are.</summary>
    internal void Fill<TState>(Span<ulong> allowed, TState state, Action<TState, ulong[]> fill)
    {
        ulong[] mask = _scratch ??= new ulong[Words];
        if (mask.Length < Words)
            mask = _scratch = new ulong[Words];
        mask.AsSpan(0, Words).Clear();
        fill(state, mask);
        allowed.Clear();
        mask.AsSpan(0, Math.Min(Words, allowed.Length)).CopyTo(allowed);
    }

    /// <summary>A mask of the plain tokens of at most so many characters.</summary>
    internal ReadOnlySpan<ulong> PlainUpTo(int characters)
    {
        if (LongestPlain == 0 || characters <= 0)
            return new ulong[Words];
        characters = Math.Min(characters, LongestPlain);
        if (_plainUpTo[characters] is { } known)
            return known;
        ulong[] mask = new ulong[Words];
        foreach (int id in _plainByLength.AsSpan(0, _countUpTo[characters]))
            mask[id / 64] |= 1UL << id;
        return _plainUpTo[characters] = mask;
    }

    private static bool IsPlain(ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            if (value is < 0x20 or (byte)'"' or (byte)'\\')
                return false;
        }
        return Utf8.IsValid(bytes);
    }

    private static int SurrogatePairs(ReadOnlySpan<byte> utf8)
    {
        int pairs = 0;
        foreach (byte value in utf8)
            pairs += value >= 0xF0 ? 1 : 0;
        return pairs;
    }
}
