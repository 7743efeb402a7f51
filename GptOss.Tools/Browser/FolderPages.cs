using System.Net;
using System.Text;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>
/// A folder of <c>.html</c>, <c>.htm</c>, <c>.txt</c> and <c>.md</c> files as the browser's pages: <c>https://folder.local/</c> and the file's path.
/// Relative links between them work. A search ranks files by how often they hold the query's words.
/// </summary>
/// <remarks>Only files that lie in the folder are served; symbolic links are not followed.</remarks>
public sealed class FolderPages : IBrowserBackend
{
    /// <summary>What every page's URL begins with.</summary>
    public const string Root = "https://folder.local/";

    private const int MostFiles = 10_000, SummaryChars = 200;
    private const long LargestFileBytes = 16 << 20;
    private static readonly string[] Kinds = [".html", ".htm", ".txt", ".md"];

    private readonly SortedDictionary<string, string> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BrowserPage?> _read = [];

    /// <summary>The pages of a folder and its folders.</summary>
    /// <exception cref="BrowserException">There is no such folder.</exception>
    public FolderPages(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!Directory.Exists(folder)) throw new BrowserException($"{folder}: no such folder.");
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint | FileAttributes.Hidden };
        foreach (string file in Directory.EnumerateFiles(folder, "*", options).Where(file => Kinds.Contains(Path.GetExtension(file).ToLowerInvariant())).Take(MostFiles))
            _files[Path.GetRelativePath(folder, file).Replace('\\', '/')] = file;
    }

    /// <inheritdoc/>
    public string Source => "folder";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SearchResult>> SearchAsync(string query, int count, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(query);
        string[] words = [.. PythonText.Lower(query).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Distinct()];
        var ranked = new List<(int Score, BrowserPage Page, int At)>();
        foreach (string name in _files.Keys)
        {
            cancellation.ThrowIfCancellationRequested();
            if (await ReadAsync(name, cancellation).ConfigureAwait(false) is not { } page) continue;
            string text = page.Text, title = PythonText.Lower(page.Title);
            // Words that many pages hold say little, but a page that holds all of them says much: count each word's first hits most.
            int score = words.Sum(word => 10 * Math.Min(Count(title, word), 1) + Math.Min(Count(text, word), 5));
            if (score > 0) ranked.Add((score, page, words.Select(word => text.IndexOf(word, StringComparison.OrdinalIgnoreCase)).Where(at => at >= 0).DefaultIfEmpty(0).Min()));
        }
        return [.. ranked.OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Page.Url, StringComparer.Ordinal).Take(count).Select(hit => new SearchResult(
            WebUtility.HtmlEncode(hit.Page.Title), hit.Page.Url.Replace("'", "%27", StringComparison.Ordinal), WebUtility.HtmlEncode(Summary(hit.Page.Text, hit.At))))];
    }

    /// <inheritdoc/>
    public async Task<FetchedPage> FetchAsync(string url, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(url);
        string path = url.StartsWith(Root, StringComparison.OrdinalIgnoreCase) ? url[Root.Length..] : url;
        path = UrlText.Decode(path.Split('?', '#')[0]);
        string? file = _files.GetValueOrDefault(path) ?? _files.GetValueOrDefault(path.TrimEnd('/') + "/index.html") ?? (path.Length == 0 ? _files.GetValueOrDefault("index.html") : null);
        if (file is null) throw new BrowserException($"No contents returned for {url}");
        if (new FileInfo(file).Length > LargestFileBytes) throw new BrowserException($"The page is larger than {LargestFileBytes} bytes.");
        byte[] bytes = await File.ReadAllBytesAsync(file, cancellation).ConfigureAwait(false);
        return Path.GetExtension(file).ToLowerInvariant() is ".html" or ".htm"
            ? PageEncoding.Html(bytes, header: null)
            : PageEncoding.PlainText(bytes, header: null, Path.GetFileName(file));
    }

    private async Task<BrowserPage?> ReadAsync(string name, CancellationToken cancellation)
    {
        if (_read.TryGetValue(name, out BrowserPage? page)) return page;
        string url = Root + string.Join('/', name.Split('/').Select(UrlText.Encode));
        try
        {
            FetchedPage fetched = await FetchAsync(url, cancellation).ConfigureAwait(false);
            page = HtmlText.Read(fetched.Html, url, fetched.Title);
            page = page with { Text = FindPage.WithoutLinks(page.Text[BrowserPage.Head(url).Length..]) };
        }
        catch (Exception e) when (e is BrowserException or IOException or UnauthorizedAccessException)
        {
            // A file that cannot be read is not found; opening it says why.
        }
        return _read[name] = page;
    }

    private static int Count(string text, string word)
    {
        int count = 0;
        for (int at = 0; (at = text.IndexOf(word, at, StringComparison.OrdinalIgnoreCase)) >= 0; at += word.Length) count++;
        return count;
    }

    private static string Summary(string text, int at)
    {
        int start = Math.Max(at - SummaryChars / 4, 0);
        var summary = new StringBuilder();
        foreach (Rune rune in text.AsSpan(start, Math.Min(SummaryChars, text.Length - start)).EnumerateRunes())
            if (rune != Rune.ReplacementChar) summary.Append(Rune.IsWhiteSpace(rune) ? " " : rune.ToString());
        return summary.ToString();
    }
}
