using System.Text.RegularExpressions;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>The page that answers a search inside a page.</summary>
internal static partial class FindPage
{
    private const int MostHits = 50, LinesPerHit = 4;

    /// <summary>The hits of a pattern.</summary>
    /// <param name="pattern">What is looked for; case does not count. The empty pattern is in every line.</param>
    /// <param name="page">The page.</param>
    internal static BrowserPage Make(string pattern, BrowserPage page)
    {
        pattern = PythonText.Lower(pattern);
        string[] lines = WithoutLinks(string.Join('\n', LineWrapper.Wrap(page.Text))).Split('\n');
        var chunks = new List<string>();
        var hits = new List<int>();
        for (int at = 0; at < lines.Length && hits.Count < MostHits;)
        {
            if (!PythonText.Lower(lines[at]).Contains(pattern, StringComparison.Ordinal))
            {
                at++;
                continue;
            }
            string passage = string.Join('\n', lines[at..Math.Min(at + LinesPerHit, lines.Length)]);
            chunks.Add($"# 【{hits.Count}†match at L{at}】\n{passage}");
            hits.Add(at);
            at += LinesPerHit;
        }
        return new BrowserPage(
            $"{page.Url}/find?pattern={UrlText.Encode(pattern)}",
            hits.Count > 0 ? string.Join("\n\n", chunks) : $"No `find` results for pattern: `{pattern}`",
            $"Find results for text: `{pattern}` in `{page.Title}`",
            Enumerable.Range(0, hits.Count).ToDictionary(i => $"{i}", _ => page.Url),
            hits);
    }

    /// <summary>Links become their text. A line break in a link's text stays, one in its domain goes, so later lines count one less.</summary>
    internal static string WithoutLinks(string text)
    {
        text = EndOfLink().Replace(text, "");
        text = UnfinishedLink().Replace(text, "${content}");
        return Link().Replace(text, "${content}");
    }

    [GeneratedRegex(@"^[^【】]*】")]
    private static partial Regex EndOfLink();

    [GeneratedRegex(@"【\d*(?:†(?<content>[^†】]*)(?:†[^†】]*)?)?$")]
    private static partial Regex UnfinishedLink();

    [GeneratedRegex(@"【\d+†(?<content>[^†】]+)(?:†[^†】]+)?】")]
    private static partial Regex Link();
}
