using System.Collections.Concurrent;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>Which spellings of a character a string may have.</summary>
internal enum Spelling
{
    /// <summary>Raw, and by every escape of JSON; never half of a surrogate pair. For content without rules.</summary>
    Any,

    /// <summary>Raw, by the escapes of one letter, and control characters as <c>\u</c> escapes.</summary>
    Plain,

    /// <summary>One spelling a character: raw where JSON allows it, else the shortest escape, in lower case.</summary>
    Unique,
}

/// <summary>JSON strings, quotes included, whose decoded content is in a language.</summary>
internal sealed class StringAutomaton : Automaton<StringAutomaton.State>
{
    private const string Escapes = "\"\"\\\\//b\bf\fn\nr\rt\t";         // letter, character, letter, character, …

    private readonly Dfa _content;
    private readonly Spelling _spelling;
    private readonly byte[] _representatives;
    private readonly int[] _sizes;
    private readonly ConcurrentDictionary<int, long> _texts = [];
    private readonly ConcurrentDictionary<int, uint> _loops = [];
    private volatile ulong[] _lengths = [];

    /// <summary>Where in a string one is.</summary>
    internal enum Place : byte
    {
        /// <summary>Before the opening quote.</summary>
        Outside,

        /// <summary>Between two characters of the content.</summary>
        Between,

        /// <summary>After a backslash.</summary>
        Escape,

        /// <summary>After <c>\u</c> and some digits.</summary>
        Hex,

        /// <summary>After a high surrogate's escape, and some of the bytes of the low one's that must follow.</summary>
        Low,

        /// <summary>Inside a character of several bytes.</summary>
        Inside,
    }

    /// <summary>A place; the state of the content there; of the character at hand, its bits so far and how many bytes are missing.</summary>
    /// <remarks>Bits of −1: it makes no difference which character it becomes, and the state of the content is already the one behind it.</remarks>
    internal readonly record struct State(Place Place, int Content, int Bits = 0, int Left = 0);

    /// <param name="content">The language of the decoded content; not empty. With <see cref="Spelling.Any"/>, of every text.</param>
    /// <param name="spelling">How it may be spelled.</param>
    internal StringAutomaton(Dfa content, Spelling spelling) : this(content, spelling, ByteClasses.OfStrings(content)) { }

    private StringAutomaton(Dfa content, Spelling spelling, ByteClasses classes) : base(classes.Of256, classes.Count)
    {
        (_content, _spelling, _representatives, _sizes) = (content, spelling, classes.Representatives, ClassSizes());
        NumberOf(new State(Place.Outside, content.Start));
    }

    /// <summary>Every string.</summary>
    internal static StringAutomaton AnyString { get; } = new(Dfa.AnyText, Spelling.Any);

    /// <summary>Every string, each in one spelling.</summary>
    internal static StringAutomaton AnyUniqueString { get; } = new(Dfa.AnyText, Spelling.Unique);

    /// <summary>The fewest characters that the content can have.</summary>
    internal int ShortestContent => _content.Shortest;

    /// <summary>The fewest characters of the content that bring a text to its end from between two characters, or from its beginning.</summary>
    internal int CharactersToEnd(int state) => _content.Distances[ValueOf(state).Content];

    internal override bool IsBetweenCharacters(int state) => ValueOf(state).Place == Place.Between;

    internal override bool TakesAnyCharacters(int state) => ValueOf(state) is { Place: Place.Between } value && _content.IsTotal[value.Content];

    internal override ulong LengthsAhead(int state)
    {
        ulong[] known = _lengths;
        if (state < known.Length && known[state] != 0)
            return known[state];
        State value = ValueOf(state);
        ulong lengths = 0;
        if (value.Place is Place.Outside or Place.Between || value.Bits < 0 || _spelling == Spelling.Any)
        {
            lengths = _content.Lengths[value.Content];
        }
        else
        {
            foreach (int next in Targets(value))
                lengths |= _content.Lengths[next];
        }
        if (state >= known.Length)
        {
            Array.Resize(ref known, 2 * state + 8);
            _lengths = known;
        }

        return known[state] = lengths;                  // what another thread may find instead is 0, and found again
    }

    internal override uint Loop(int state)
    {
        State value = ValueOf(state);
        return value.Place == Place.Between ? _loops.GetOrAdd(value.Content, static (q, content) => CharGroups.OfLoop(content, q), _content) : 0;
    }

    internal override long TextsAhead(int state)
    {
        State value = ValueOf(state);
        if (value.Place is Place.Outside or Place.Between && _content.IsInfinite[value.Content])
            return long.MaxValue;
        return _texts.TryGetValue(state, out long texts) ? texts : _texts[state] = CountTexts(state);
    }

    protected override int Find(int state, byte value)
    {
        State before = ValueOf(state);
        return before.Place switch
        {
            Place.Outside => value == '"' ? NumberOf(new State(Place.Between, before.Content)) : Dead,
            Place.Between => Character(before.Content, value),
            Place.Escape => Escape(before.Content, value),
            Place.Hex => _spelling == Spelling.Any ? AnyHex(before, value) : ControlHex(before, value),
            Place.Low => Low(before, value),
            _ => Continue(before, value),
        };
    }

    private int Character(int q, byte value)
    {
        if (value == '"')
            return _content.Tags[q] is >= 0 and var tag ? Final(tag) : Dead;
        if (value == '\\')
            return Live(new State(Place.Escape, q));
        return value switch
        {
            < 0x20 => Dead,
            < 0x80 => Between(q, value),
            < 0xC2 => Dead,
            < 0xE0 => Inside(q, value & 0x1F, 1),
            < 0xF0 => Inside(q, value & 0x0F, 2),
            < 0xF5 => Inside(q, value & 0x07, 3),
            _ => Dead,
        };
    }

    private int Continue(State before, byte value)
    {
        if (value is < 0x80 or > 0xBF)
            return Dead;
        if (before.Bits < 0)
        {
            return before.Left == 1
            ? NumberOf(new State(Place.Between, before.Content))
            : NumberOf(before with { Left = before.Left - 1 });
        }
        int bits = before.Bits << 6 | value & 0x3F;

        // Neither a longer spelling than needed, nor a surrogate, nor more than U+10FFFF.
        if (before is { Bits: 0, Left: 2 } && bits < 0x20)
            return Dead;
        if (before is { Bits: 0, Left: 3 } && bits < 0x10)
            return Dead;
        if (before is { Bits: 0xD, Left: 2 } && bits >= 0x360)
            return Dead;
        if (before is { Bits: 4, Left: 3 } && bits > 0x10F)
            return Dead;
        return before.Left == 1 ? Between(before.Content, bits) : Inside(before.Content, bits, before.Left - 1);
    }

    private int Inside(int q, int bits, int left)
    {
        var state = new State(Place.Inside, q, bits, left);
        bool isBounded = (bits, left) is (0, 2) or (0, 3) or (0xD, 2) or (4, 3);
        if (!isBounded)
        {
            int first = bits << 6 * left, last = first | (1 << 6 * left) - 1;
            if (_content.LastOfRun(first) >= last)
                return _content.Next(q, first) is not Dead and var next ? NumberOf(new State(Place.Inside, next, -1, left)) : Dead;
        }

        return Live(state);
    }

    private int Escape(int q, byte value)
    {
        if (value == 'u')
            return Live(new State(Place.Hex, q, 0, 4));
        if (value == '/' && _spelling == Spelling.Unique)
            return Dead;
        for (int i = 0; i < Escapes.Length; i += 2)
        {
            if (Escapes[i] == value)
                return Between(q, Escapes[i + 1]);
        }
        return Dead;
    }

    // Only control characters: \u00 and two digits.
    private int ControlHex(State before, byte value)
    {
        int digit = HexValue(value);
        if (digit < 0 || (_spelling == Spelling.Unique && value is >= (byte)'A' and <= (byte)'F'))
            return Dead;
        int bits = before.Bits << 4 | digit;
        if (before.Left > 1)
            return Live(before with { Bits = bits, Left = before.Left - 1 });
        return IsEscapedControl(bits) ? Between(before.Content, bits) : Dead;
    }

    // Everything but halves of surrogate pairs. Bits: 0 before the first digit, −1 once it is no surrogate, else 13 or 14 for high ones.
    private int AnyHex(State before, byte value)
    {
        int digit = HexValue(value);
        if (digit < 0)
            return Dead;
        int bits = (before.Bits, before.Left) switch
        {
            (0, _) => digit == 0xD ? 0xD : -1,
            (0xD, 3) => digit < 8 ? -1 : digit < 0xC ? 0xE : 0,
            _ => before.Bits,
        };
        if (bits == 0)
            return Dead;
        return before.Left > 1 ? NumberOf(before with { Bits = bits, Left = before.Left - 1 })
            : NumberOf(bits < 0 ? new State(Place.Between, before.Content) : new State(Place.Low, before.Content, 0, 6));
    }

    // \uDC00 to \uDFFF.
    private int Low(State before, byte value)
    {
        bool fits = before.Left switch
        {
            6 => value == '\\',
            5 => value == 'u',
            4 => HexValue(value) == 0xD,
            3 => HexValue(value) >= 0xC,
            _ => HexValue(value) >= 0,
        };
        return !fits ? Dead : NumberOf(before.Left > 1 ? before with { Left = before.Left - 1 } : new State(Place.Between, before.Content));
    }

    private int Between(int q, int codePoint) =>
        _content.Next(q, codePoint) is not Dead and var next ? NumberOf(new State(Place.Between, next)) : Dead;

    private int Live(State state)
    {
        if (_spelling == Spelling.Any)
            return NumberOf(state);
        foreach (int _ in Targets(state))
            return NumberOf(state);
        return Dead;
    }

    /// <summary>The states of the content that the character at hand can lead to.</summary>
    private IEnumerable<int> Targets(State state)
    {
        switch (state.Place)
        {
            case Place.Escape:
                for (int i = 0; i < Escapes.Length; i += 2)
                {
                    if ((Escapes[i] != '/' || _spelling != Spelling.Unique) && _content.Next(state.Content, Escapes[i + 1]) is not Dead
                        and var next)
                    {
                        yield return next;
                    }
                }
                foreach (int target in Targets(new State(Place.Hex, state.Content, 0, 4)))
                    yield return target;
                break;
            case Place.Hex:
                for (int control = 0; control < 0x20; control++)
                {
                    if (control >> 4 * state.Left == state.Bits && IsEscapedControl(control) && _content.Next(state.Content, control) is not Dead
                        and var next)
                    {
                        yield return next;
                    }
                }
                break;
            default:
                int first = state.Bits << 6 * state.Left, last = Math.Min(first | (1 << 6 * state.Left) - 1, 0x10FFFF);
                if (state is { Bits: 0, Left: 2 })
                    first = 0x800;
                if (state is { Bits: 0, Left: 3 })
                    first = 0x10000;
                if (state is { Bits: 0xD, Left: 2 })
                    last = 0xD7FF;
                for (int codePoint = first; codePoint <= last; codePoint = _content.LastOfRun(codePoint) + 1)
                {
                    if (_content.Next(state.Content, codePoint) is not Dead and var next)
                        yield return next;
                }
                break;
        }
    }

    // A control character that is spelled as a \u escape, among others or only.
    private bool IsEscapedControl(int codePoint) =>
        codePoint < 0x20 && (_spelling != Spelling.Unique || codePoint is not ('\b' or '\t' or '\n' or '\f' or '\r'));

    private long CountTexts(int state)
    {
        long texts = 0;
        for (int c = 0; c < _representatives.Length && texts < long.MaxValue; c++)
        {
            int next = Next(state, _representatives[c]);
            if (next == Dead)
                continue;
            long behind = IsFinal(next) ? 1 : TextsAhead(next);
            texts = behind > (long.MaxValue - texts) / _sizes[c] ? long.MaxValue : texts + behind * _sizes[c];
        }

        return texts;
    }

    private static int HexValue(byte value) => value switch
    {
        >= (byte)'0' and <= (byte)'9' => value - '0',
        >= (byte)'a' and <= (byte)'f' => value - 'a' + 10,
        >= (byte)'A' and <= (byte)'F' => value - 'A' + 10,
        _ => -1,
    };
}
