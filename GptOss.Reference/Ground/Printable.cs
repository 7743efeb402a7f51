using System.Globalization;
using System.Text;

namespace GptOss.Reference.Ground;

/// <summary>Makes text from a file safe and short enough for a message: no control characters, no megabyte names.</summary>
internal static class Printable
{
    private const int LongestChars = 120;

    /// <summary>The text with control and unpaired surrogate characters written as \uXXXX, cut after 120 characters.</summary>
    internal static string Clip(string text)
    {
        var shown = new StringBuilder(Math.Min(text.Length, LongestChars) + 16);
        int length = Math.Min(text.Length, LongestChars);
        for (int i = 0; i < length; i++)
        {
            char c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                shown.Append(c).Append(text[++i]);
            }
            else if (char.IsControl(c) || char.IsSurrogate(c) || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            }
            else
            {
                shown.Append(c);
            }
        }
        if (text.Length > length)
            shown.Append(CultureInfo.InvariantCulture, $"… ({text.Length} characters)");
        return shown.ToString();
    }

    /// <summary>A shape as messages show it: [4, 2880].</summary>
    internal static string Shape(IReadOnlyList<long> shape)
    {
        const int longest = 16;
        string dims = string.Join(", ", shape.Take(longest));
        return shape.Count <= longest ? $"[{dims}]" : $"[{dims}, … ({shape.Count} dimensions)]";
    }

    /// <summary>Joins at most <paramref name="most"/> items; says how many more there are.</summary>
    internal static string List(IReadOnlyCollection<string> items, string separator, int most = 20)
    {
        string shown = string.Join(separator, items.Take(most));
        return items.Count <= most ? shown : $"{shown}{separator}and {items.Count - most} more";
    }
}
