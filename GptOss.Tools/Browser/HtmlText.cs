using System.Text;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>HTML → the text that the model reads: links, images and formulas as marks, everything else as Markdown.</summary>
/// <remarks>
/// The markup is parsed by AngleSharp, by the rules of HTML 5. The published tool's parser is libxml2; where they differ on malformed markup
/// (README of this project), ours is what a web browser would see. Source: <c>gpt_oss/tools/simple_browser/page_contents.py</c>.
/// </remarks>
internal static partial class HtmlText
{
    private static readonly HtmlParserOptions Options = new() { IsScripting = false };

    /// <summary>The page as text, with its title and links.</summary>
    /// <param name="html">The document.</param>
    /// <param name="url">Where it came from; empty for a page that the browser made.</param>
    /// <param name="title">The title where the source knows one; else the document's own is taken.</param>
    /// <exception cref="BrowserException">It contains no document.</exception>
    internal static BrowserPage Read(string html, string url, string? title)
    {
        if (EncodingDeclaration().IsMatch(html))
        {
            throw new BrowserException(
                "Unicode strings with encoding declaration are not supported. Please use bytes input or XML fragments without declaration.");
        }
        html = Replace(html);
        if (Nothing().IsMatch(html))
            throw new BrowserException("Document is empty");
        if (HtmlDepth.IsTooDeep(html))
            throw new BrowserException($"The page nests more than {HtmlDepth.Most} elements.");
        IHtmlDocument document = new HtmlParser(Options).ParseDocument(html);
        INode root = Root(document, isFull: FullDocument().IsMatch(html) || HeadTag().IsMatch(html));
        if (string.IsNullOrEmpty(title))
            title = OwnTitle(root) ?? (url.Length > 0 ? UrlJoin.Domain(url) : null) ?? "";
        (List<MarkupEvent> events, Dictionary<string, string> links) = HtmlWalk.Of(root, url);
        string text = PythonText.Trim(MarkdownWriter.Write(events));
        text = BlankLine().Replace(text, "");
        text = BlankLines().Replace(text, "\n\n");
        return new BrowserPage(url, BrowserPage.Head(url) + text, title, links);
    }

    private static string? OwnTitle(INode root)
    {
        INode? title = HtmlWalk.Below(root).FirstOrDefault(node => node is IElement { LocalName: "title" });
        return title is null ? null : string.Concat(title.ChildNodes.TakeWhile(node => node is IText).Select(node => node.TextContent));
    }

    /// <summary>Removes U+10000–U+1FFFF, swaps the characters that marks are made of for others, and makes control characters visible.</summary>
    private static string Replace(string html)
    {
        var text = new StringBuilder(html.Length);
        foreach (Rune rune in html.AsSpan(html.StartsWith('\uFEFF') ? 1 : 0).EnumerateRunes())
        {
            switch (rune.Value)
            {
                case >= 0x10000 and <= 0x1FFFF or 0x200B:
                    break;
                case '【':
                    text.Append('〖');
                    break;
                case '】':
                    text.Append('〗');
                    break;
                case '◼':
                    text.Append('◾');
                    break;
                case < 0x20 and not ('\t' or '\n' or '\r'):
                    text.Append('\uFFFD');
                    break;
                default:
                    text.Append(rune.ToString());
                    break;
            }
        }
        return text.ToString();
    }

    /// <summary>The element whose content is the page: the document; of a fragment without a head, its only element or its body.</summary>
    private static INode Root(IHtmlDocument document, bool isFull)
    {
        if (isFull || document.Body is null || document.Head?.ChildElementCount > 0)
            return document.DocumentElement;
        IElement body = document.Body;
        bool hasText = body.ChildNodes.Any(node => node is IText && !string.IsNullOrWhiteSpace(node.TextContent));
        return body.ChildElementCount == 1 && !hasText ? body.FirstElementChild! : body;
    }

    [GeneratedRegex(@"^(<\?xml[^>]+)\s+encoding\s*=\s*[""'][^""']*[""'](\s*\?>|)")]
    private static partial Regex EncodingDeclaration();

    [GeneratedRegex(
        @"^(?>\s+|<!--.*?(?:-->|\z)|<!doctype[^>]*>)*\z",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Nothing();

    [GeneratedRegex(@"<head[\s>/]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex HeadTag();

    [GeneratedRegex(@"^\s*<(?:html|!doctype)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex FullDocument();

    [GeneratedRegex(@"^\s+$", RegexOptions.Multiline)]
    private static partial Regex BlankLine();

    [GeneratedRegex(@"\n(\s*\n)+")]
    private static partial Regex BlankLines();
}
