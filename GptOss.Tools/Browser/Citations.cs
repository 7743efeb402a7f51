using System.Text;
using System.Text.RegularExpressions;

namespace GptOss.Tools.Browser;

/// <summary>A citation that became a link.</summary>
/// <param name="StartIndex">Where the link begins in the normalised text, in code points, its leading space included.</param>
/// <param name="EndIndex">Where it ends, its trailing space included.</param>
/// <param name="Title">The page's domain.</param>
/// <param name="Url">The page.</param>
public readonly record struct UrlCitation(int StartIndex, int EndIndex, string Title, string Url);

/// <summary>An answer with its citations as links.</summary>
/// <param name="Text">The normalised text.</param>
/// <param name="Annotations">The links, in order.</param>
/// <param name="IsUnfinished">Whether the text ends inside something that may yet become a citation.</param>
public readonly record struct CitedText(string Text, IReadOnlyList<UrlCitation> Annotations, bool IsUnfinished);

/// <summary>Citations in an answer: <c>【CURSOR†Lx-Ly】</c> → <c> ([DOMAIN](URL)) </c>.</summary>
/// <remarks>Source: <c>gpt_oss/tools/simple_browser/simple_browser_tool.py</c>, <c>normalize_citations</c>.</remarks>
public static partial class Citations
{
    /// <summary>Replaces every citation whose cursor has a page with a URL; the others stay as they are.</summary>
    /// <param name="text">The answer, or as much as there is.</param>
    /// <param name="pageStack">The browser's URLs by cursor.</param>
    public static CitedText Normalize(string text, IReadOnlyList<string> pageStack)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(pageStack);
        var normal = new StringBuilder(text.Length);
        var annotations = new List<UrlCitation>();
        int copied = 0, runes = 0;                                      // Of the text; of the normalised text.
        foreach (ValueMatch match in CitationPattern().EnumerateMatches(text))
        {
            ReadOnlySpan<char> citation = text.AsSpan(match.Index, match.Length);
            string? url = Page(citation[1..citation.IndexOf('†')], pageStack);
            if (url is not { Length: > 0 })
                continue;
            ReadOnlySpan<char> before = text.AsSpan(copied, match.Index - copied);
            string domain = Domain(url), link = $" ([{domain}]({url})) ";
            normal.Append(before).Append(link);
            int start = runes + CodePoints(before);
            runes = start + CodePoints(link);
            annotations.Add(new UrlCitation(start, runes, domain, url));
            copied = match.Index + match.Length;
        }
        normal.Append(text.AsSpan(copied));
        return new CitedText(normal.ToString(), annotations, IsUnfinished(text));
    }

    /// <summary>Whether the text ends inside a citation. One followed by prose counts until it is closed or has a third <c>†</c>.</summary>
    public static bool IsUnfinished(string text) => UnfinishedPattern().IsMatch(text);

    /// <summary>The text without the beginning of a citation at its end.</summary>
    public static string WithoutUnfinished(string text) => UnfinishedPattern().Replace(text, "");

    // Compared as text: neither 01 nor a full-width digit names a page.
    private static string? Page(ReadOnlySpan<char> cursor, IReadOnlyList<string> pageStack)
    {
        bool plain = !cursor.ContainsAnyExceptInRange('0', '9') && (cursor.Length == 1 || cursor[0] != '0');
        return plain && int.TryParse(cursor, out int index) && index < pageStack.Count ? pageStack[index] : null;
    }

    private static string Domain(string url) => UrlText.Decode(url).Split('/') is [_, _, var domain, ..] ? domain : url;

    /// <summary>Length in code points.</summary>
    internal static int CodePoints(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (Rune _ in text.EnumerateRunes())
            count++;
        return count;
    }

    [GeneratedRegex(@"【\d+†[^†】]+(?:†[^†】]+)?】")]
    private static partial Regex CitationPattern();

    [GeneratedRegex(@"【\d*(?:†[^†】]*(?:†[^†】]*)?)?$")]
    private static partial Regex UnfinishedPattern();
}

/// <summary>Normalises citations while an answer streams in: a piece that ends inside a citation is held back until it is whole.</summary>
/// <param name="pageStack">The browser's URLs by cursor.</param>
public sealed class StreamedCitations(IReadOnlyList<string> pageStack)
{
    private string _printed = "", _waiting = "";          // _printed: only the part that may still matter.

    /// <summary>Takes the next piece.</summary>
    /// <returns>The text to print now. While text waits, all of it waits, including what precedes the citation.</returns>
    /// <remarks>
    /// As in the published chat, what was printed is read again with every piece: a link that was put into an open bracket can leave that
    /// bracket open for a long time. Before the first bracket nothing can change.
    /// </remarks>
    public string Push(string piece)
    {
        CitedText text = Citations.Normalize(_printed + _waiting + piece, pageStack);
        string rest = WithoutFirst(text.Text, Citations.CodePoints(_printed));
        if (text.IsUnfinished)
        {
            _waiting = rest;
            return "";
        }
        int bracket = text.Text.IndexOf('【', StringComparison.Ordinal);
        (_printed, _waiting) = (bracket < 0 ? "" : text.Text[bracket..], "");
        return rest;
    }

    /// <summary>What still waits. The published chat never prints it at the end of a message; ours does.</summary>
    public string Finish()
    {
        string rest = _waiting;
        _waiting = "";
        return rest;
    }

    private static string WithoutFirst(string text, int codePoints)
    {
        int at = 0;
        for (; codePoints > 0 && at < text.Length; codePoints--)
            at += char.IsSurrogatePair(text, at) ? 2 : 1;
        return text[at..];
    }
}
