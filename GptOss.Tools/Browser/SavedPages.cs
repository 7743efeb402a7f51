namespace GptOss.Tools.Browser;

/// <summary>A saved set of pages and search results: the browser without a network, with the same answers everywhere.</summary>
public sealed class SavedPages : IBrowserBackend
{
    private readonly Dictionary<string, (FetchedPage? Page, string? Error)> _pages = [];
    private readonly Dictionary<string, (IReadOnlyList<SearchResult>? Results, string? Error)> _results = [];

    /// <inheritdoc/>
    public string Source => "saved";

    /// <summary>Adds a page, or replaces it.</summary>
    public void AddPage(string url, FetchedPage page) => _pages[url] = (page, null);

    /// <summary>Makes fetching a page fail.</summary>
    public void AddFailingPage(string url, string error) => _pages[url] = (null, error);

    /// <summary>Adds the results of a query, or replaces them. A query without any finds nothing.</summary>
    public void AddResults(string query, IReadOnlyList<SearchResult> results) => _results[query] = (results, null);

    /// <summary>Makes a search fail.</summary>
    public void AddFailingQuery(string query, string error) => _results[query] = (null, error);

    /// <inheritdoc/>
    public Task<IReadOnlyList<SearchResult>> SearchAsync(string query, int count, CancellationToken cancellation)
    {
        (IReadOnlyList<SearchResult>? results, string? error) = _results.GetValueOrDefault(query, ([], null));
        return results is null ? throw new BrowserException(error!) : Task.FromResult<IReadOnlyList<SearchResult>>([.. results.Take(count)]);
    }

    /// <inheritdoc/>
    public Task<FetchedPage> FetchAsync(string url, CancellationToken cancellation)
    {
        (FetchedPage? page, string? error) = _pages.GetValueOrDefault(url, (null, $"No contents returned for {url}"));
        return page is null ? throw new BrowserException(error!) : Task.FromResult(page);
    }
}
