using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Tools.Browser;

namespace GptOss.Tools.Lines;

internal static partial class ToolLines
{
    /// <summary>
    /// <c>{"name", "pages", "results", "calls": [{"function", "arguments" | "text"}]}</c> → <c>{"name", "results": [{"result" | "error"}]}</c>:
    /// a session over saved pages. An answer that shows a page is a result.
    /// </summary>
    public static Answer BrowserLine(string line) => Reply(line, (request, writer) =>
    {
        var browser = new SimpleBrowser(Saved(request));
        writer.WriteStartArray("results");
        foreach (JsonElement call in Member(request, "calls", JsonValueKind.Array).EnumerateArray())
        {
            if (call.ValueKind is not JsonValueKind.Object)
                throw new JsonException("a call: expected an object.");
            string function = Text(call, "function", null);
            string text = call.TryGetProperty("arguments", out JsonElement arguments) ? arguments.GetRawText() : Text(call, "text", "");
            string answer = browser.CallAsync(function, text).GetAwaiter().GetResult();         // Saved pages answer at once.
            writer.WriteStartObject();
            writer.WriteString(ShowsPage().IsMatch(answer) ? "result" : "error", answer);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    });

    /// <summary>The pages and search results of a line, or of a file that holds one JSON object <c>{"pages", "results"}</c>.</summary>
    /// <exception cref="JsonException">It has another form.</exception>
    public static SavedPages Saved(JsonElement request)
    {
        var saved = new SavedPages();
        if (request.ValueKind is not JsonValueKind.Object)
            throw new JsonException("expected an object with \"pages\" and \"results\".");
        if (request.TryGetProperty("pages", out _))
        {
            foreach (JsonProperty page in Member(request, "pages", JsonValueKind.Object).EnumerateObject())
            {
                if (page.Value.ValueKind is JsonValueKind.Object)
                    saved.AddFailingPage(page.Name, Text(page.Value, "error", null));
                else
                    saved.AddPage(page.Name, new FetchedPage(Text(page.Value, page.Name)));
            }
        }
        if (!request.TryGetProperty("results", out _))
            return saved;
        foreach (JsonProperty query in Member(request, "results", JsonValueKind.Object).EnumerateObject())
        {
            if (query.Value.ValueKind is JsonValueKind.Object)
                saved.AddFailingQuery(query.Name, Text(query.Value, "error", null));
            else
                saved.AddResults(query.Name, Results(query));
        }
        return saved;
    }

    private static SearchResult[] Results(JsonProperty query)
    {
        if (query.Value.ValueKind is not JsonValueKind.Array || query.Value.EnumerateArray().Any(hit => hit.ValueKind is not JsonValueKind.Object))
            throw new JsonException($"the results of \"{query.Name}\": expected an array of objects.");
        return
        [
            .. from hit in query.Value.EnumerateArray()
               select new SearchResult(Text(hit, "title", ""), Text(hit, "url", ""), Text(hit, "summary", "")),
        ];
    }

    [GeneratedRegex(@"^\[\d+\] ")]
    private static partial Regex ShowsPage();
}
