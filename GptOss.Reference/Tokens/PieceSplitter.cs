using System.Globalization;

namespace GptOss.Reference.Tokens;

/// <summary>Cuts text into the pieces that are encoded independently: words, numbers, punctuation, line ends, spaces.</summary>
/// <remarks>
/// <para>Finds what the pattern of o200k_base finds, code point by code point and without backtracking:</para>
/// <code>
/// 1  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// 2  [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
/// 3  \p{N}{1,3}
/// 4   ?[^\s\p{L}\p{N}]+[\r\n/]*
/// 5  \s*[\r\n]+
/// 6  \s+(?!\S)
/// 7  \s+
/// </code>
/// <para>System.Text.RegularExpressions, and with it the package's own pre-tokenizer, sees the halves of a surrogate pair and so takes
/// 𝐀 for punctuation; here a pair is the letter it is. Source of the pattern: <c>tiktoken_ext/openai_public.py</c>.</para>
/// </remarks>
internal static class PieceSplitter
{
    /// <summary>The published pattern, as a tokenizer file spells it.</summary>
    internal const string Pattern =
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|" +
        @"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    // What a code point may be. Upper and Lower are the two runs of a word; Lm, Lo and marks belong to both.
    [Flags]
    private enum Kind : byte
    {
        Other = 0,
        Upper = 1,
        Lower = 2,
        Letter = 4,
        Number = 8,
        Space = 16,
        LineEnd = 32,
    }

    private static readonly Kind[] Ascii = [.. Enumerable.Range(0, 128).Select(KindOf)];

    /// <summary>The end of the piece that begins at <paramref name="start"/>, in UTF-16 units.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="start">Beginning of a piece, before the end of the text.</param>
    internal static int PieceEnd(ReadOnlySpan<char> text, int start)
    {
        Kind first = At(text, start, out int width);
        int lead = (first & (Kind.LineEnd | Kind.Letter | Kind.Number)) == 0 ? start + width : start;

        int end = LowerWordEnd(text, lead);
        if (end < 0 && lead != start) end = LowerWordEnd(text, start);
        if (end < 0) end = UpperWordEnd(text, lead);
        if (end < 0 && lead != start) end = UpperWordEnd(text, start);
        if (end >= 0) return ContractionEnd(text, end);

        if ((first & Kind.Number) != 0) return Run(text, start, Kind.Number, most: 3);
        end = PunctuationEnd(text, text[start] == ' ' ? start + 1 : start);
        return end >= 0 ? end : WhiteSpaceEnd(text, start);
    }

    // Alternative 1 after its leading character: upper run, lower run; the lower run may take back the end of the upper one.
    private static int LowerWordEnd(ReadOnlySpan<char> text, int begin)
    {
        int upper = Run(text, begin, Kind.Upper);
        int lower = Run(text, upper, Kind.Lower);
        if (lower > upper) return lower;
        while (upper > begin)
        {
            int last = char.IsLowSurrogate(text[upper - 1]) ? upper - 2 : upper - 1;
            if ((At(text, last, out _) & Kind.Lower) != 0) return upper;
            upper = last;
        }

        return -1;
    }

    // Alternative 2 after its leading character: at least one of the upper run.
    private static int UpperWordEnd(ReadOnlySpan<char> text, int begin)
    {
        int upper = Run(text, begin, Kind.Upper);
        return upper > begin ? Run(text, upper, Kind.Lower) : -1;
    }

    // The long s (U+017F) folds to s, as Unicode's case folding has it; no other code point folds into these letters.
    private static int ContractionEnd(ReadOnlySpan<char> text, int end)
    {
        ReadOnlySpan<char> rest = text[end..];
        if (rest.Length < 2 || rest[0] != '\'') return end;
        char one = Fold(rest[1]);
        if (one is 's' or 't' or 'm' or 'd') return end + 2;
        if (rest.Length < 3) return end;
        return (one, Fold(rest[2])) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? end + 3 : end;
    }

    private static char Fold(char c) => c == '\u017F' ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;

    private static int PunctuationEnd(ReadOnlySpan<char> text, int begin)
    {
        int end = begin;
        while (end < text.Length && (At(text, end, out int width) & (Kind.Space | Kind.Letter | Kind.Number)) == 0) end += width;
        if (end == begin) return -1;
        while (end < text.Length && text[end] is '\r' or '\n' or '/') end++;
        return end;
    }

    private static int WhiteSpaceEnd(ReadOnlySpan<char> text, int start)
    {
        int end = Run(text, start, Kind.Space);
        int lastLineEnd = text[start..end].LastIndexOfAny('\r', '\n');
        if (lastLineEnd >= 0) return start + lastLineEnd + 1;
        return end == text.Length || end == start + 1 ? end : end - 1;     // every white-space code point is one unit
    }

    private static int Run(ReadOnlySpan<char> text, int start, Kind kind, int most = int.MaxValue)
    {
        int end = start;
        for (int taken = 0; taken < most && end < text.Length && (At(text, end, out int width) & kind) != 0; taken++) end += width;
        return end;
    }

    private static Kind At(ReadOnlySpan<char> text, int index, out int width)
    {
        char unit = text[index];
        width = 1;
        if (unit < 128) return Ascii[unit];
        if (!char.IsHighSurrogate(unit) || index + 1 == text.Length) return KindOf(unit);
        width = 2;
        return KindOf(char.ConvertToUtf32(unit, text[index + 1]));
    }

    private static Kind KindOf(int codePoint)
    {
        if (codePoint is '\r' or '\n') return Kind.Space | Kind.LineEnd;
        if (codePoint <= char.MaxValue && char.IsWhiteSpace((char)codePoint)) return Kind.Space;
        return CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => Kind.Letter | Kind.Upper,
            UnicodeCategory.LowercaseLetter => Kind.Letter | Kind.Lower,
            UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter | Kind.Upper | Kind.Lower,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => Kind.Upper | Kind.Lower,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
