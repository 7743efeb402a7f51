using System.Runtime.CompilerServices;
using System.Text;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>Reads regular expressions as ECMA-262 has them, by code points, with the leniency of its annex B where it is unambiguous.</summary>
/// <remarks>
/// Not known here, because no finite automaton over the rest of the text has them or nobody agrees what they are: back-references, look-behind,
/// <c>\b</c>, a repeated look-ahead, flags, scripts and other properties than the general categories.
/// </remarks>
internal sealed class PatternParser
{
    private const int MostRepeats = 100_000, MostCharacters = 20_000;

    private readonly int[] _text;
    private int _at;

    private PatternParser(string text)
    {
        if (text.Length > MostCharacters) throw new PatternException($"it has {text.Length} characters; at most {MostCharacters} are read");
        _text = [.. text.EnumerateRunes().Select(rune => rune.Value)];
    }

    /// <summary>The tree of a pattern.</summary>
    /// <exception cref="PatternException">It is not a regular expression, or one with something that is not known here.</exception>
    internal static Pattern Parse(string text)
    {
        var parser = new PatternParser(text);
        Pattern pattern = parser.Alternatives();
        if (parser._at < parser._text.Length) throw new PatternException("it closes a group that it does not open");
        return pattern;
    }

    private Pattern Alternatives()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var alternatives = new List<Pattern> { Parts() };
        while (Take('|')) alternatives.Add(Parts());
        return alternatives.Count == 1 ? alternatives[0] : new Pattern.Either(alternatives);
    }

    private Pattern.Sequence Parts()
    {
        var parts = new List<Pattern>();
        while (_at < _text.Length && _text[_at] is not ('|' or ')')) parts.Add(Repeated(Atom()));
        return new Pattern.Sequence(parts);
    }

    private Pattern Repeated(Pattern atom)
    {
        if (!TryQuantifier(out int least, out int most)) return atom;
        Take('?');                                      // a lazy quantifier finds the same texts
        if (atom.HasLook) throw new PatternException("it repeats a look-ahead");
        if (most < least) throw new PatternException("a quantifier's bounds are out of order");
        if (_at < _text.Length && _text[_at] is '*' or '+') throw new PatternException("it has a quantifier after a quantifier");
        return new Pattern.Repeat(atom, least, most);
    }

    private bool TryQuantifier(out int least, out int most)
    {
        (least, most) = (0, int.MaxValue);
        if (Take('*')) return true;
        if (Take('+')) return (least = 1) == 1;
        if (Take('?')) return (most = 1) == 1;
        int begin = _at;
        if (Take('{') && TryNumber(out least))
        {
            most = !Take(',') ? least : TryNumber(out int bound) ? bound : int.MaxValue;
            if (Take('}')) return true;
        }

        _at = begin;                                    // a brace that begins no quantifier is a character
        return false;
    }

    private bool TryNumber(out int number)
    {
        number = 0;
        int begin = _at;
        for (; _at < _text.Length && _text[_at] is >= '0' and <= '9'; _at++)
        {
            number = 10 * number + _text[_at] - '0';
            if (number > MostRepeats) throw new PatternException($"it repeats more than {MostRepeats} times");
        }

        return _at > begin;
    }

    private Pattern Atom()
    {
        int c = _text[_at++];
        switch (c)
        {
            case '^': return new Pattern.Anchor(AtEnd: false);
            case '$': return new Pattern.Anchor(AtEnd: true);
            case '.': return new Pattern.Chars(CharSet.Dot);
            case '(': return Group();
            case '[': return new Pattern.Chars(Class());
            case '*' or '+' or '?': throw new PatternException("it has a quantifier with nothing before it");
            case '\\' when _at < _text.Length && _text[_at] is 'b' or 'B': throw new PatternException("word boundaries are not supported");
            case '\\' when _at < _text.Length && _text[_at] is (>= '1' and <= '9') or 'k': throw new PatternException(
                "back-references are not supported");
            case '\\': return new Pattern.Chars(Escape(inClass: false));
            default: return new Pattern.Chars(CharSet.Of(c));
        }
    }

    private Pattern Group()
    {
        bool isLook = false, isNegative = false;
        if (Take('?'))
        {
            if (Take('=')) isLook = true;
            else if (Take('!')) isLook = isNegative = true;
            else if (Take('<')) SkipName();
            else if (!Take(':')) throw new PatternException("a group begins with something that ECMA-262 does not know");
        }

        Pattern inner = Alternatives();
        if (!Take(')')) throw new PatternException("it opens a group that it does not close");
        return isLook ? new Pattern.Look(inner, isNegative) : inner;
    }

    private void SkipName()
    {
        if (_at < _text.Length && _text[_at] is '=' or '!') throw new PatternException("look-behind is not supported");
        int begin = _at;
        while (_at < _text.Length && (CharSet.Word.Contains(_text[_at]) || _text[_at] == '$')) _at++;
        if (_at == begin || !Take('>')) throw new PatternException("a group's name is malformed");
    }

    private CharSet Class()
    {
        bool isNegative = Take('^');
        CharSet all = CharSet.None;
        while (!Take(']'))
        {
            CharSet first = ClassAtom(out int? from);
            if (_at + 1 < _text.Length && _text[_at] == '-' && _text[_at + 1] != ']')
            {
                int dash = _at++;
                CharSet second = ClassAtom(out int? to);
                if (from is { } low && to is { } high)
                {
                    if (low > high) throw new PatternException("a range's ends are out of order");
                    all = all.Union(CharSet.Of((low, high)));
                    continue;
                }

                all = all.Union(CharSet.Of(_text[dash])).Union(second);     // annex B: [\w-.] is no range
            }

            all = all.Union(first);
        }

        return isNegative ? all.Complement() : all;
    }

    // The character, where the atom is one.
    private CharSet ClassAtom(out int? codePoint)
    {
        codePoint = null;
        if (_at >= _text.Length) throw new PatternException("it opens a class that it does not close");
        int c = _text[_at++];
        CharSet set = c == '\\' ? Escape(inClass: true) : CharSet.Of(c);
        if (set.Ranges is [var first, var last] && first == last) codePoint = first;
        return set;
    }

    private CharSet Escape(bool inClass)
    {
        if (_at >= _text.Length) throw new PatternException("it ends in a backslash");
        int c = _text[_at++];
        switch (c)
        {
            case 'd': return CharSet.Digit;
            case 'D': return CharSet.Digit.Complement();
            case 'w': return CharSet.Word;
            case 'W': return CharSet.Word.Complement();
            case 's': return CharSet.Space;
            case 'S': return CharSet.Space.Complement();
            case 't': return CharSet.Of('\t');
            case 'n': return CharSet.Of('\n');
            case 'v': return CharSet.Of('\v');
            case 'f': return CharSet.Of('\f');
            case 'r': return CharSet.Of('\r');
            case 'b' when inClass: return CharSet.Of('\b');
            case '0' when _at >= _text.Length || !CharSet.Digit.Contains(_text[_at]): return CharSet.Of(0);
            case 'c' when _at < _text.Length && _text[_at] is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z'): return CharSet.Of(_text[_at++] % 32);
            case 'x': return CharSet.Of(Hex(2));
            case 'u': return CharSet.Of(Unicode());
            case 'p' or 'P':
                CharSet set = Category();
                return c == 'p' ? set : set.Complement();
            case '-' or > 127:
                return CharSet.Of(c);
            default:
                if (char.IsAsciiLetterOrDigit((char)c)) throw new PatternException($"'\\{(char)c}' is not an escape that is supported");
                return CharSet.Of(c);
        }
    }

    private int Unicode()
    {
        if (Take('{'))
        {
            int value = 0, begin = _at;
            for (; _at < _text.Length && HexValue(_text[_at]) is >= 0 and int digit && value <= 0x10FFFF; _at++) value = 16 * value + digit;
            return _at > begin && value <= 0x10FFFF && Take('}') ? value : throw new PatternException("a \\u escape is malformed");
        }

        int unit = Hex(4);
        if (unit is < 0xD800 or > 0xDBFF || _at + 5 >= _text.Length || _text[_at] != '\\' || _text[_at + 1] != 'u') return unit;
        int back = _at;
        _at += 2;
        int low = Hex(4);
        if (low is >= 0xDC00 and <= 0xDFFF) return char.ConvertToUtf32((char)unit, (char)low);
        _at = back;
        return unit;
    }

    private int Hex(int digits)
    {
        int value = 0;
        for (int i = 0; i < digits; i++)
        {
            int digit = _at < _text.Length ? HexValue(_text[_at++]) : -1;
            if (digit < 0) throw new PatternException("a hexadecimal escape is malformed");
            value = 16 * value + digit;
        }

        return value;
    }

    private static int HexValue(int c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'a' and <= 'f' => c - 'a' + 10,
        >= 'A' and <= 'F' => c - 'A' + 10,
        _ => -1,
    };

    private CharSet Category()
    {
        var name = new StringBuilder();
        if (Take('{'))
            while (_at < _text.Length && _text[_at] != '}') name.Append(char.ConvertFromUtf32(_text[_at++]));
        if (!Take('}')) throw new PatternException("a \\p escape is malformed");
        return CharSet.Category(name.ToString()) ?? throw new PatternException("\\p is supported for Unicode's general categories only");
    }

    private bool Take(char c)
    {
        bool found = _at < _text.Length && _text[_at] == c;
        if (found) _at++;
        return found;
    }
}

/// <summary>A pattern cannot be kept; the message says why, as half a sentence.</summary>
internal sealed class PatternException(string message) : Exception(message);
