namespace GptOss.Reference.Tests.Architecture;

/// <summary>C# text with everything that is not code blanked out, so that a rule can look for words and not find them in prose.</summary>
internal static class SourceText
{
    /// <summary>
    /// The source with comments, character literals and string literals replaced by spaces. Lines and columns stay where they were;
    /// the holes of interpolated strings are code and are kept.
    /// </summary>
    internal static string CodeOnly(string source)
    {
        var scanner = new Scanner(source);
        scanner.Code(inHole: false);
        return scanner.Result;
    }

    private sealed class Scanner(string source)
    {
        private readonly char[] _kept = source.ToCharArray();
        private int _at;

        internal string Result => new(_kept);

        internal void Code(bool inHole)
        {
            for (int depth = 0; _at < source.Length;)
            {
                char c = source[_at];
                if (At("//"))
                {
                    BlankTo(EndOfLine());
                }
                else if (At("/*"))
                {
                    BlankTo(After("*/", _at + 2));
                }
                else if (c == '\'' && EndOfCharacter() is int end)
                {
                    BlankTo(end);
                }
                else if (c is '"' or '$' or '@' && StartsString(out int dollars, out bool verbatim))
                {
                    Text(dollars, verbatim);
                }
                else if (inHole && c == '}' && depth == 0)
                {
                    return;
                }
                else
                {
                    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
                    _at++;
                }
            }
        }

        // At the opening quote; leaves behind the closing one.
        private void Text(int dollars, bool verbatim)
        {
            int quotes = Run('"');
            if (quotes == 2)
            {
                BlankTo(_at + 2);
                return;
            }

            bool raw = quotes >= 3;
            int close = raw ? quotes : 1;
            BlankTo(_at + close);
            while (_at < source.Length)
            {
                char c = source[_at];
                if (!raw && verbatim && At("\"\""))
                {
                    BlankTo(_at + 2);
                }
                else if (c == '"' && Run('"') >= close)
                {
                    BlankTo(_at + (raw ? Run('"') : 1));
                    return;
                }
                else if (!raw && !verbatim && c == '\\')
                {
                    BlankTo(_at + 2);
                }
                else if (dollars > 0 && c == '{' && OpensHole(Run('{'), raw, dollars))
                {
                    BlankTo(_at + (raw ? Run('{') : 1));
                    Code(inHole: true);
                    BlankTo(_at + (raw ? dollars : 1));
                }
                else if (dollars > 0 && !raw && At("{{"))
                {
                    BlankTo(_at + 2);
                }
                else
                {
                    BlankTo(_at + 1);
                }
            }
        }

        // In $"…" two braces are one brace of text, so a hole opens at an odd run; in $$"""…""" it takes as many braces as dollars.
        private static bool OpensHole(int braces, bool raw, int dollars) => raw ? braces >= dollars : braces == 1;

        private bool StartsString(out int dollars, out bool verbatim)
        {
            int at = _at;
            dollars = 0;
            verbatim = false;
            for (; at < source.Length && source[at] is '$' or '@'; at++)
            {
                dollars += source[at] == '$' ? 1 : 0;
                verbatim |= source[at] == '@';
            }
            if (at >= source.Length || source[at] != '"')
                return false;
            _at = at;
            return true;
        }

        // A lone apostrophe (in a #region's title, say) opens nothing.
        private int? EndOfCharacter()
        {
            int from = _at + 1 < source.Length && source[_at + 1] == '\\' ? _at + 3 : _at + 2;
            for (int at = from; at < source.Length && at <= _at + 11 && source[at] != '\n'; at++)
            {
                if (source[at] == '\'')
                    return at + 1;
            }
            return null;
        }

        private bool At(string word) => string.CompareOrdinal(source, _at, word, 0, word.Length) == 0;

        private int Run(char c)
        {
            int at = _at;
            while (at < source.Length && source[at] == c)
                at++;
            return at - _at;
        }

        private int EndOfLine() => source.IndexOf('\n', _at) is var end and >= 0 ? end : source.Length;

        private int After(string word, int from) =>
            from <= source.Length && source.IndexOf(word, from, StringComparison.Ordinal) is var found and >= 0 ? found + word.Length : source.Length;

        private void BlankTo(int end)
        {
            for (end = Math.Min(end, source.Length); _at < end; _at++)
            {
                if (_kept[_at] is not ('\n' or '\r'))
                    _kept[_at] = ' ';
            }
        }
    }
}
