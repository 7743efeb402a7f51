using System.Globalization;
using System.Text;

namespace GptOss.Tools.Browser;

/// <summary>URLs as text, split the way the published browser splits them.</summary>
internal static class UrlText
{
    private const string Unquoted = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/";

    /// <summary>Percent escapes decoded as UTF-8, with U+FFFD for what is none.</summary>
    internal static string Decode(string text)
    {
        if (!text.Contains('%'))
            return text;
        var shown = new StringBuilder(text.Length);
        var bytes = new List<byte>();
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsAscii(text[i]))
            {
                bool escape = text[i] == '%' && i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]);
                bytes.Add(escape ? byte.Parse(text.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : (byte)text[i]);
                if (escape)
                    i += 2;
                if (i + 1 < text.Length)
                    continue;
            }
            shown.Append(Encoding.UTF8.GetString([.. bytes]));          // a run of ASCII characters is decoded as one
            bytes.Clear();
            if (!char.IsAscii(text[i]))
                shown.Append(text[i]);
        }
        return shown.ToString();
    }

    /// <summary>Everything but letters, digits and <c>_.-~/</c> percent-encoded.</summary>
    internal static string Encode(string text)
    {
        var encoded = new StringBuilder(text.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (b < 0x80 && Unquoted.Contains((char)b))
                encoded.Append((char)b);
            else
                encoded.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }
        return encoded.ToString();
    }

    /// <summary>At most 1,024 characters (code points), the last three being dots where more were cut.</summary>
    internal static string Cut(string text, int most = 1024)
    {
        if (text.Length <= most)
            return text;
        int[] runes = RuneStarts(text);
        return runes.Length <= most ? text : text[..runes[most - 3]] + "...";
    }

    private static int[] RuneStarts(string text)
    {
        var starts = new List<int>(text.Length);
        for (int i = 0; i < text.Length; i += char.IsSurrogatePair(text, i) ? 2 : 1)
            starts.Add(i);
        return [.. starts];
    }
}
