using System.Text;

namespace GptOss.Reference.Tokens;

/// <summary>The tokens that stand for a name instead of bytes of text: their ids follow the ordinary ones without a gap.</summary>
internal sealed class SpecialTokens
{
    private readonly string[] _names;
    private readonly ReadOnlyMemory<byte>[] _bytes;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly string _firstUnits = "";     // of all names; '<' alone in every published vocabulary
    private readonly List<int> _lengths = [];     // distinct, the longest first

    /// <summary>Special tokens <paramref name="names"/> with ids from <paramref name="firstId"/> on.</summary>
    /// <param name="firstId">Id of the first name.</param>
    /// <param name="names">Distinct names, none empty, in id order.</param>
    /// <param name="aliases">Further spellings that encode to an id but are never its name.</param>
    internal SpecialTokens(int firstId, string[] names, params ReadOnlySpan<(string Name, int Id)> aliases)
    {
        FirstId = firstId;
        _names = names;
        _bytes = new ReadOnlyMemory<byte>[names.Length];
        var ids = new Dictionary<string, int>(names.Length + aliases.Length);
        for (int i = 0; i < names.Length; i++)
        {
            ids.Add(names[i], firstId + i);
            _bytes[i] = Encoding.UTF8.GetBytes(names[i]);
        }
        foreach ((string name, int id) in aliases)
            ids.Add(name, id);
        _ids = ids;
        _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (string name in ids.Keys)
        {
            if (!_firstUnits.Contains(name[0]))
                _firstUnits += name[0];
            if (!_lengths.Contains(name.Length))
                _lengths.Add(name.Length);
        }

        _lengths.Sort();
        _lengths.Reverse();
    }

    /// <summary>Id of the first special token.</summary>
    internal int FirstId { get; }

    /// <summary>How many ids are special.</summary>
    internal int Count => _names.Length;

    /// <summary>Whether <paramref name="id"/> is special.</summary>
    internal bool Contains(int id) => (uint)(id - FirstId) < (uint)_names.Length;

    /// <summary>The name of a special id.</summary>
    internal string Name(int id) => _names[id - FirstId];

    /// <summary>The name of a special id in UTF-8.</summary>
    internal ReadOnlyMemory<byte> Bytes(int id) => _bytes[id - FirstId];

    /// <summary>The id of a name or alias.</summary>
    internal bool TryGetId(string name, out int id) => _ids.TryGetValue(name, out id);

    /// <summary>The leftmost special name at or after <paramref name="from"/>, the longest one there; −1 if there is none.</summary>
    internal int Find(ReadOnlySpan<char> text, int from, out int length, out int id)
    {
        for (int at = from; ; at++)
        {
            int skip = text[at..].IndexOfAny(_firstUnits);
            if (skip < 0)
                break;
            at += skip;
            foreach (int candidate in _lengths)
            {
                if (candidate <= text.Length - at && _idsBySpan.TryGetValue(text.Slice(at, candidate), out id))
                {
                    length = candidate;
                    return at;
                }
            }
        }

        length = 0;
        id = -1;
        return -1;
    }
}
