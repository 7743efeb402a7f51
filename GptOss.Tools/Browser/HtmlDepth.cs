using System.Text.RegularExpressions;

namespace GptOss.Tools.Browser;

/// <summary>Says whether a page nests so deep that parsing it would take hours: a parser searches its open elements at every tag.</summary>
internal static partial class HtmlDepth
{
    /// <summary>More open elements than a sensible page has.</summary>
    internal const int Most = 1000;

    // Elements without content, and those that another of their kind ends.
    private static readonly HashSet<string> NeverDeep = new(StringComparer.OrdinalIgnoreCase)
    {
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
        "html", "head", "body", "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "caption",
        "rp", "rt",
    };

    // HTML elements that end a drawing or a formula when they occur in it.
    private static readonly HashSet<string> EndsForeign = new(StringComparer.OrdinalIgnoreCase)
    {
        "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1", "h2", "h3", "h4", "h5", "h6", "head",
        "hr", "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub", "sup",
        "table", "tt", "u", "ul", "var",
    };

    /// <summary>Whether more than <see cref="Most"/> elements are open at once; tags in comments and scripts count.</summary>
    internal static bool IsTooDeep(string html)
    {
        var open = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        int depth = 0;
        bool isForeign = false;
        foreach (Match tag in Tag().Matches(html))
        {
            string name = tag.Groups["name"].Value;
            if (NeverDeep.Contains(name)) continue;
            bool ends = tag.Groups["end"].Length > 0;
            if (name is "svg" or "math") isForeign = !ends;
            else if (EndsForeign.Contains(name)) isForeign = false;
            if (!ends && isForeign && tag.ValueSpan.EndsWith("/")) continue;
            int count = open.GetValueOrDefault(name);
            if (ends && count == 0) continue;
            open[name] = count + (ends ? -1 : 1);
            depth += ends ? -1 : 1;
            if (depth > Most) return true;
        }
        return false;
    }

    [GeneratedRegex(@"<(?<end>/?)(?<name>[A-Za-z][^\s/>]*)(?:[^<>]*/(?=>))?")]
    private static partial Regex Tag();
}
