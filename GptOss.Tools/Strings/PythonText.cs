using System.Globalization;
using System.Text;

namespace GptOss.Tools.Strings;

/// <summary>Strings as Python treats them: what the published tools answer depends on its white space, lines and letters.</summary>
internal static class PythonText
{
    /// <summary>White space as <c>str.strip</c> has it: .NET's, and U+001C–U+001F, but not U+200B.</summary>
    internal static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';

    /// <summary>A character of a word, as <c>\w</c> has it: letters, every kind of number and the underscore, but not combining marks.</summary>
    internal static bool IsWord(Rune rune) => rune.Value == '_' || Rune.IsLetter(rune) || Rune.IsNumber(rune);

    /// <summary>Without white space at the end.</summary>
    internal static string TrimEnd(string text)
    {
        int end = text.Length;
        while (end > 0 && IsSpace(text[end - 1])) end--;
        return text[..end];
    }

    /// <summary>Without white space on both sides.</summary>
    internal static string Trim(string text)
    {
        int start = 0;
        while (start < text.Length && IsSpace(text[start])) start++;
        return TrimEnd(text[start..]);
    }

    /// <summary>The lines of <c>str.splitlines</c>, ended by LF, CR LF, CR, U+000B, U+000C, U+001C–U+001E, U+0085, U+2028 or U+2029.</summary>
    internal static List<string> SplitLines(string text)
    {
        var lines = new List<string>();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] is not ('\n' or '\r' or '\v' or '\f' or >= '\u001c' and <= '\u001e' or '\u0085' or '\u2028' or '\u2029')) continue;
            lines.Add(text[start..i]);
            if (text[i] == '\r' && i + 1 < text.Length && text[i + 1] == '\n') i++;
            start = i + 1;
        }
        if (start < text.Length) lines.Add(text[start..]);
        return lines;
    }

    /// <summary>A string as <c>repr</c> writes it: in single quotes, unless it contains some and no double ones.</summary>
    internal static string Repr(string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var shown = new StringBuilder().Append(quote);
        foreach (Rune rune in text.EnumerateRunes())
        {
            string piece = rune.Value switch
            {
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                ' ' => " ",
                int c when c == quote => $"\\{quote}",
                int c when !IsPrintable(rune) => Escape(c),
                _ => rune.ToString(),
            };
            shown.Append(piece);
        }
        return shown.Append(quote).ToString();
    }

    private static string Escape(int c) => string.Create(
        CultureInfo.InvariantCulture, $"{(c < 0x100 ? $"\\x{c:x2}" : c < 0x10000 ? $"\\u{c:x4}" : $"\\U{c:x8}")}");

    /// <summary>Lower case by Unicode's full mapping: İ becomes two characters, a Σ that ends a word becomes ς.</summary>
    internal static string Lower(string text)
    {
        if (!text.AsSpan().ContainsAny("İΣ") && text.All(char.IsAscii)) return text.ToLowerInvariant();
        Rune[] runes = [.. text.EnumerateRunes()];
        var lower = new StringBuilder(text.Length);
        for (int i = 0; i < runes.Length; i++)
        {
            if (runes[i].Value == 'İ') lower.Append("i\u0307");
            else if (runes[i].Value == 'Σ') lower.Append(EndsWord(runes, i) ? 'ς' : 'σ');
            else lower.Append(Rune.ToLowerInvariant(runes[i]).ToString());
        }
        return lower.ToString();
    }

    private static bool EndsWord(Rune[] runes, int at)
    {
        int before = at - 1, after = at + 1;
        while (before >= 0 && IsCaseIgnorable(runes[before])) before--;
        while (after < runes.Length && IsCaseIgnorable(runes[after])) after++;
        return before >= 0 && IsCased(runes[before]) && !(after < runes.Length && IsCased(runes[after]));
    }

    private static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    private static bool IsCaseIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or '·' or '’' or '‘' or '․' || Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
        or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune)
        is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
