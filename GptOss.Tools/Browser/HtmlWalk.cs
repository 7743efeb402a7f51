using System.Globalization;
using System.Text.RegularExpressions;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;

namespace GptOss.Tools.Browser;

/// <summary>Reads a document from front to back: links and images become text, formulas go, everything else remains a step.</summary>
/// <remarks>By index and without recursion: AngleSharp finds a node's neighbour from the front, and pages are wide and deep.</remarks>
internal sealed partial class HtmlWalk
{
    private sealed class Level(INode node, bool isShown)
    {
        internal readonly INode Node = node;
        internal readonly INodeList Children = ChildrenOf(node);
        internal readonly bool IsShown = isShown;
        internal int Next;
        internal bool SkipsText;
    }

    private readonly MarkupEvents _events = new();
    private readonly Dictionary<string, string> _links = [];
    private readonly Dictionary<string, string> _ids = [];
    private readonly string _url, _ownDomain;
    private int _images;

    private HtmlWalk(string url) => (_url, _ownDomain) = (url, UrlJoin.Domain(url) ?? "");

    /// <summary>The steps through a page, and its links.</summary>
    /// <param name="root">The page; only what is below it counts.</param>
    /// <param name="url">Where it came from.</param>
    internal static (List<MarkupEvent> Events, Dictionary<string, string> Links) Of(INode root, string url)
    {
        var walk = new HtmlWalk(url);
        walk.Run(root);
        return (walk._events.Repaired(), walk._links);
    }

    /// <summary>All nodes below one, in document order.</summary>
    internal static IEnumerable<INode> Below(INode root)
    {
        var levels = new Stack<Level>([new Level(root, true)]);
        while (levels.TryPeek(out Level? level))
        {
            if (level.Next == level.Children.Length)
            {
                levels.Pop();
                continue;
            }
            INode node = level.Children[level.Next++];
            yield return node;
            if (node is IElement) levels.Push(new Level(node, true));
        }
    }

    // The content of a template is a separate document; to a reader it is text like any other.
    private static INodeList ChildrenOf(INode node) => node is IHtmlTemplateElement template ? template.Content.ChildNodes : node.ChildNodes;

    private void Run(INode root)
    {
        var levels = new Stack<Level>([new Level(root, isShown: true)]);
        Begin(root);
        while (levels.TryPeek(out Level? level))
        {
            if (level.Next == level.Children.Length)
            {
                levels.Pop();
                if (level.IsShown && level.Node is IElement ended) _events.Add(new MarkupEvent(MarkupKind.End, ended.LocalName));
                continue;
            }
            INode node = level.Children[level.Next++];
            if ((node is IElement element ? Mark(element) : node is IText ? node.TextContent : null) is { } text)
            {
                if (level.IsShown && !level.SkipsText) _events.AddText(text);
                continue;
            }
            // A formula goes together with the text after it, including links and images: so does the published tool, and line numbers depend on it.
            bool isFormula = node is IElement { LocalName: "math" };
            level.SkipsText = isFormula;
            bool isShown = level.IsShown && !isFormula;
            if (isShown) Begin(node);
            if (node is IElement) levels.Push(new Level(node, isShown));
        }
    }

    private void Begin(INode node)
    {
        if (node is IElement element) _events.Add(new MarkupEvent(MarkupKind.Start, element.LocalName, element));
        else _events.Add(new MarkupEvent(MarkupKind.Comment, node.TextContent));
    }

    /// <summary>The text that an element becomes; null if it remains an element.</summary>
    private string? Mark(IElement element) => element.LocalName switch
    {
        "img" => Image(element),
        "a" when element.GetAttribute("href") is { } href => Link(element, href),
        _ => null,
    };

    private string Image(IElement image)
    {
        string? name = image.GetAttribute("alt") ?? image.GetAttribute("title");
        return string.Create(CultureInfo.InvariantCulture, $"[Image {_images++}{(string.IsNullOrEmpty(name) ? "" : ": ")}{name}]");
    }

    private string? Link(IElement anchor, string href)
    {
        if (href.StartsWith("mailto:", StringComparison.Ordinal) || href.StartsWith("javascript:", StringComparison.Ordinal)) return null;
        string text = WhiteSpace().Replace(string.Join(' ', Below(anchor).OfType<IText>().Select(piece => piece.TextContent)), " ").Replace('†', '‡');
        if (text.Length == 0) return null;
        if (href.StartsWith('#')) return text;
        if (UrlJoin.Join(_url, href) is not { } target || UrlJoin.Domain(target) is not { Length: > 0 } domain) return null;
        target = ArXiv().Replace(target, "ar5iv.org");
        if (!_ids.TryGetValue(target, out string? id))
        {
            _ids[target] = id = _links.Count.ToString(CultureInfo.InvariantCulture);
            _links[id] = target;
        }
        return domain == _ownDomain ? $"【{id}†{text}】" : $"【{id}†{text}†{domain}】";
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    [GeneratedRegex("arxiv.org")]
    private static partial Regex ArXiv();
}
