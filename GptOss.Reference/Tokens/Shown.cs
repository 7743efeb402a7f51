using System.Globalization;
using System.Text;

namespace GptOss.Reference.Tokens;

/// <summary>Text of a file in a message: one line of bounded length, since the file may hold anything.</summary>
internal static class Shown
{
    /// <summary>The text in single quotes.</summary>
    internal static string Quote(string text) => $"'{Clip(text)}'";

    /// <summary>The text, control characters as \uXXXX, cut after <paramref name="most"/> characters.</summary>
    internal static string Clip(string text, int most = 40)
    {
        var shown = new StringBuilder();
        foreach (Rune rune in text.EnumerateRunes().Take(most))
            shown.Append(Rune.IsControl(rune) ? string.Create(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}") : rune.ToString());
        return shown.Append(text.EnumerateRunes().Skip(most).Any() ? "…" : "").ToString();
    }
}
