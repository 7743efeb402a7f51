using System.Text;
using GptOss.Reference.Tokens;

namespace GptOss.Tools.Browser;

/// <summary>Which lines of a page one answer shows.</summary>
internal static class PageWindow
{
    private const int Tokens = 1024, LongestToken = 128;

    /// <summary>Lines as the model sees them, <c>Lk: </c> in front, from line <paramref name="first"/> up to <paramref name="end"/>.</summary>
    internal static string Numbered(List<string> lines, int first, int end)
    {
        var text = new StringBuilder();
        for (int i = first; i < end; i++)
        {
            if (i > first) text.Append('\n');
            text.Append('L').Append(i).Append(": ").Append(lines[i]);
        }
        return text.ToString();
    }

    /// <summary>Where a window that begins at <paramref name="first"/> ends: after the line in which token number 1,024 starts.</summary>
    /// <remarks>
    /// Offsets are sums of the tokens' lengths decoded alone, where each invalid part of a split character counts as one, so such pages
    /// show the same number of lines or more.
    /// </remarks>
    internal static int End(List<string> lines, int first)
    {
        // Enough text for all tokens, in code points; a line is at most 80 and its number.
        int last = (int)Math.Min(lines.Count, (long)first + (Tokens + 1) * LongestToken);
        string text = Numbered(lines, first, last);
        Rune[] runes = [.. text.EnumerateRunes().Take((Tokens + 1) * LongestToken)];
        if (runes.Length <= Tokens) return lines.Count;
        Tokenizer tokenizer = Tokenizer.O200kHarmony;
        int[] ids = tokenizer.Encode(string.Concat(runes));
        if (ids.Length <= Tokens) return lines.Count;
        int offset = 0;
        foreach (int id in ids.AsSpan(0, Tokens)) offset += CodePoints(tokenizer.TokenBytes(id).Span);
        return Math.Min(first + runes.Take(offset).Count(rune => rune.Value == '\n') + 1, lines.Count);
    }

    private static int CodePoints(ReadOnlySpan<byte> bytes)
    {
        int count = 0;
        for (; bytes.Length > 0; count++)
        {
            Rune.DecodeFromUtf8(bytes, out _, out int used);
            bytes = bytes[used..];
        }
        return count;
    }
}
