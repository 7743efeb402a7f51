using System.Numerics;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Ground;
using GptOss.Reference.Harmony;

namespace GptOss.Tools.Browser;

/// <summary>
/// The browser that the model was trained with: <c>browser.search</c>, <c>browser.open</c> and <c>browser.find</c> over a stack of pages,
/// shown in windows of numbered lines that answers cite by cursor and line.
/// </summary>
/// <remarks>
/// Every successful call pushes a page, so cursors grow by one a call. Negative cursors other than −1 are out of range; the published
/// tool counts them from the end by accident. Not thread-safe. Source: <c>gpt_oss/tools/simple_browser</c>.
/// </remarks>
/// <param name="backend">Where pages come from.</param>
public sealed class SimpleBrowser(IBrowserBackend backend) : ITool
{
    private const int SearchResults = 20, LinesAboveHit = 4;
    private const string ViewSource = "view-source:";

    private readonly Dictionary<string, BrowserPage> _pages = [];
    private readonly List<string> _stack = [];

    /// <inheritdoc/>
    public ToolNamespace Declaration { get; } = BuiltInTools.Browser with
    {
        // The published tool names its source where the published prompt has a default.
        Description = BuiltInTools.Browser.Description!.Replace("sources=web (default: web)", $"sources={backend.Source}", StringComparison.Ordinal),
    };

    /// <summary>The URLs of the pages, by cursor: what citations refer to.</summary>
    public IReadOnlyList<string> PageStack => _stack;

    /// <summary>Answers <c>browser.FUNCTION</c> by name and JSON arguments.</summary>
    /// <param name="function">search, open or find.</param>
    /// <param name="arguments">A JSON object, or nothing.</param>
    /// <param name="cancellation">Stops the back end.</param>
    /// <returns>The page, or an error for the model.</returns>
    public async Task<string> CallAsync(string function, string arguments, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(function);
        ArgumentNullException.ThrowIfNull(arguments);
        try
        {
            JsonElement? values = BrowserArguments.Parse(arguments, out bool isObject);
            if (!isObject) return Error("Invalid function arguments");
            if (function.Contains('.'))
                throw new BrowserException($"browser.{function} is not a function; there are browser.search, browser.open and browser.find.");
            if (!BrowserArguments.IsFunction(function)) return Error($"Unknown function: {function}");
            BrowserArguments given = BrowserArguments.Of(function, values);
            return function switch
            {
                "search" => await SearchAsync(given, cancellation).ConfigureAwait(false),
                "open" => await OpenAsync(given, cancellation).ConfigureAwait(false),
                _ => Find(given),
            };
        }
        catch (BrowserException e)
        {
            return e.Message;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(recipient);
        string function = recipient.StartsWith("browser.", StringComparison.Ordinal) ? recipient["browser.".Length..] : recipient;
        return [new ToolAnswer(recipient, await CallAsync(function, content, cancellation).ConfigureAwait(false))];
    }

    private async Task<string> SearchAsync(BrowserArguments given, CancellationToken cancellation)
    {
        string query = given.Text("query");
        BrowserPage page;
        try
        {
            IReadOnlyList<SearchResult> results = await backend.SearchAsync(query, SearchResults, cancellation).ConfigureAwait(false);
            // Nothing is escaped: markup in titles and summaries is parsed, as in the published tool.
            string items = string.Concat(results.Select(result => $"<li><a href='{result.Url}'>{result.Title}</a> {result.Summary}</li>"));
            page = HtmlText.Read($"\n<html><body>\n<h1>Search Results</h1>\n<ul>\n{items}\n</ul>\n</body></html>\n", "", query);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            throw new BrowserException($"Error during search for `{query}`: {UrlText.Cut(e.Message)}", e);
        }
        Push(page);
        return Show(BigInteger.Zero, null);
    }

    private async Task<string> OpenAsync(BrowserArguments given, CancellationToken cancellation)
    {
        BrowserPage? page = null;
        string url;
        int? hit = null;
        bool viewSource = given.IsTrue("view_source"), isUrl = given["id"] is { ValueKind: JsonValueKind.String };
        if (isUrl) url = given.Text("id");
        else
        {
            page = Page(given["cursor"]);
            double number = given["id"] is not { } id
                ? -1
                : BrowserArguments.Number(id)
                    ?? throw new BrowserException($"`id` should be a link number or a URL, not `{BrowserArguments.TypeName(id)}`.");
            url = page.Url;
            if (number >= 0)
            {
                string link = BrowserArguments.Show(given["id"]!.Value)!;
                url = page.Links.TryGetValue(link, out string? target) ? target : throw new BrowserException($"Invalid link id `{link}`.");
                hit = page.Hits?[(int)number];
                page = _pages.GetValueOrDefault(url);
            }
        }
        if (viewSource) (page, url, hit) = (null, ViewSource + url, null);
        Push(page ?? await FetchAsync(url, cancellation).ConfigureAwait(false));

        JsonElement? loc = given["loc"];
        if (loc is { } line && BrowserArguments.Number(line) is not >= 0)
        {
            // The page is already on the stack and stays there; later cursors count it.
            if (BrowserArguments.Number(line) is null) throw NotWhole("loc", line);
            loc = null;
        }
        if (loc is null) return Show(hit > LinesAboveHit ? hit.Value - LinesAboveHit : hit ?? 0, given["num_lines"]);
        if (BrowserArguments.Integer(loc.Value) is { } first) return Show(first, given["num_lines"], BrowserArguments.Show(loc.Value));
        throw NotWhole("loc", loc.Value);
    }

    private string Find(BrowserArguments given)
    {
        BrowserPage page = Page(given["cursor"]);
        if (page.Hits is not null) throw new BrowserException("Cannot run `find` on search results page or find results page");
        Push(FindPage.Make(given.Text("pattern"), page));
        return Show(BigInteger.Zero, null);
    }

    private async Task<BrowserPage> FetchAsync(string url, CancellationToken cancellation)
    {
        try
        {
            string plain = url.StartsWith(ViewSource, StringComparison.Ordinal) ? url[ViewSource.Length..] : url;
            FetchedPage page = await backend.FetchAsync(plain, cancellation).ConfigureAwait(false);
            BrowserPage read = HtmlText.Read(page.Html, plain, page.Title);
            return page.Notice is { } notice ? read.Under(notice) : read;
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            throw new BrowserException($"Error fetching URL `{UrlText.Cut(url)}`: {UrlText.Cut(e.Message)}", e);
        }
    }

    private BrowserPage Page(JsonElement? cursor)
    {
        int last = _stack.Count - 1;
        if (last < 0) throw new BrowserException("No pages to access!");
        if (cursor is not { } given || BrowserArguments.Number(given) is { } number && (number == -1 || number == last)) return _pages[_stack[last]];
        if (BrowserArguments.Integer(given) is not { } index)
            throw new BrowserException($"`cursor` should be an integer, not `{BrowserArguments.TypeName(given)}`");
        return index >= 0 && index <= last ? _pages[_stack[(int)index]]
            : throw new BrowserException($"Cursor `{BrowserArguments.Show(given)}` is out of range. Available cursor indices: [0 - {last}].");
    }

    private void Push(BrowserPage page)
    {
        _pages[page.Url] = page;
        _stack.Add(page.Url);
    }

    private string Show(BigInteger first, JsonElement? numLines, string? shownFirst = null)
    {
        BrowserPage page = _pages[_stack[^1]];
        List<string> lines = LineWrapper.Wrap(page.Text);
        if (first >= lines.Count)
        {
            _stack.RemoveAt(_stack.Count - 1);
            throw new BrowserException(
                $"Invalid location parameter: `{shownFirst ?? first.ToString()}`. Cannot exceed page maximum of {lines.Count - 1}.");
        }
        int from = (int)first;
        BigInteger count = numLines is { } given ? BrowserArguments.Integer(given) ?? throw NotWhole("num_lines", given) : BigInteger.MinusOne;
        int end = count.Sign > 0 ? (int)BigInteger.Min(from + count, lines.Count) : PageWindow.End(lines, from);

        string url = UrlText.Cut(UrlText.Decode(page.Url));
        string place = url.Length > 0 ? $" ({url})" : "";
        return $"[{_stack.Count - 1}] {page.Title}{place}\n**viewing lines [{from} - {end - 1}] of {lines.Count - 1}**\n\n"
            + PageWindow.Numbered(lines, from, end);
    }

    private static BrowserException NotWhole(string name, JsonElement value) =>
        new($"`{name}` should be an integer, not `{BrowserArguments.TypeName(value)}`.");

    private static string Error(string message)
    {
        var text = new StringBuilder("{\"error\": ");
        PythonJson.AppendString(text, message);
        return text.Append('}').ToString();
    }
}
