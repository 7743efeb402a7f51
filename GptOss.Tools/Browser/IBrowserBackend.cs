namespace GptOss.Tools.Browser;

/// <summary>The source of the browser's pages.</summary>
public interface IBrowserBackend
{
    /// <summary>The source's name in the tool's description: <c>sources=</c> and this.</summary>
    string Source { get; }

    /// <summary>Searches.</summary>
    /// <param name="query">What the model wrote.</param>
    /// <param name="count">The most results that will be used.</param>
    /// <param name="cancellation">Cancels the request.</param>
    /// <exception cref="BrowserException">The search failed; the message is shown to the model. Any other exception's message is too.</exception>
    Task<IReadOnlyList<SearchResult>> SearchAsync(string query, int count, CancellationToken cancellation);

    /// <summary>Fetches a page.</summary>
    /// <param name="url">What the model wrote, or a link.</param>
    /// <param name="cancellation">Cancels the request.</param>
    /// <exception cref="BrowserException">There is no such page, or it cannot be read.</exception>
    Task<FetchedPage> FetchAsync(string url, CancellationToken cancellation);
}

/// <summary>One hit of a search. Titles and summaries may contain markup.</summary>
/// <param name="Title">The page's title.</param>
/// <param name="Url">The page.</param>
/// <param name="Summary">What the page says about the query.</param>
public sealed record SearchResult(string Title, string Url, string Summary);

/// <summary>A page, decoded.</summary>
/// <param name="Html">The document.</param>
/// <param name="Title">Its title if the source knows one; otherwise the document's own is used.</param>
public sealed record FetchedPage(string Html, string? Title = null)
{
    /// <summary>What was wrong with the page's characters, shown above its text; null if nothing was.</summary>
    public string? Notice { get; init; }
}
