using System.Globalization;
using System.Text;

namespace GptOss.Reference.Tools;

/// <summary>What the published tools' language calls white space, lines and a quoted string; their answers show through in it.</summary>
internal static class PythonText
{
    /// <summary>White space as <c>str.strip</c> has it: .NET's, and U+001C–U+001F. U+200B is none.</summary>
    internal static bool IsSpace(char c) => char.IsWhiteSpace(c) || c is >= '\u001c' and <= '\u001f';

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

    /// <summary>The lines of <c>str.splitlines</c>: LF, CR LF, CR, U+000B, U+000C, U+001C–U+001E, U+0085, U+2028 and U+2029 end one.</summary>
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

    /// <summary>A string as <c>repr</c> writes it: single quotes unless it holds some and no double ones.</summary>
    internal static string Repr(string text)
    {
        char quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        var shown = new StringBuilder().Append(quote);
        foreach (Rune rune in text.EnumerateRunes())
        {
            int c = rune.Value;
            if (c == quote || c == '\\') shown.Append('\\').Append((char)c);
            else if (c == '\n') shown.Append("\\n");
            else if (c == '\r') shown.Append("\\r");
            else if (c == '\t') shown.Append("\\t");
            else if (c == ' ' || IsPrintable(rune)) shown.Append(rune.ToString());
            else shown.Append(CultureInfo.InvariantCulture, $"\\{(c < 0x100 ? 'x' : c < 0x10000 ? 'u' : 'U')}").Append(c.ToString(c < 0x100 ? "x2" : c < 0x10000 ? "x4" : "x8", CultureInfo.InvariantCulture));
        }
        return shown.Append(quote).ToString();
    }

    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.SpaceSeparator);
}
