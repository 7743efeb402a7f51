using System.Net;
using System.Text;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>
/// A folder of <c>.html</c>, <c>.htm</c>, <c>.txt</c> and <c>.md</c> files as the browser's pages: <c>https://folder.local/</c> and the file's path.
/// Relative links between them work. A search ranks files by how often they contain the query's words.
/// </summary>
/// <remarks>Only files in the folder are served; symbolic links are not followed.</remarks>
public sealed class FolderPages : IBrowserBackend
{
    /// <summary>The beginning of every page's URL.</summary>
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
        IEnumerable<string> files = Directory.EnumerateFiles(folder, "*", options);
        foreach (string file in files.Where(IsPage).Take(MostFiles))
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
            // A page with all the words counts more than one with many of the same word: a word's first hits count most.
            int score = words.Sum(word => 10 * Math.Min(Count(title, word), 1) + Math.Min(Count(text, word), 5));
            if (score == 0) continue;
            IEnumerable<int> places = words.Select(word => text.IndexOf(word, StringComparison.OrdinalIgnoreCase)).Where(at => at >= 0);
            ranked.Add((score, page, places.DefaultIfEmpty(0).Min()));
        }
        var best = ranked.OrderByDescending(hit => hit.Score).ThenBy(hit => hit.Page.Url, StringComparer.Ordinal).Take(count);
        return [.. best.Select(hit => Result(hit.Page, hit.At))];
    }

    private static SearchResult Result(BrowserPage page, int at) => new(
        WebUtility.HtmlEncode(page.Title), page.Url.Replace("'", "%27", StringComparison.Ordinal), WebUtility.HtmlEncode(Summary(page.Text, at)));

    /// <inheritdoc/>
    public async Task<FetchedPage> FetchAsync(string url, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(url);
        string path = url.StartsWith(Root, StringComparison.OrdinalIgnoreCase) ? url[Root.Length..] : url;
        path = UrlText.Decode(path.Split('?', '#')[0]);
        string index = path.Length == 0 ? "index.html" : path.TrimEnd('/') + "/index.html";
        string? file = _files.GetValueOrDefault(path) ?? _files.GetValueOrDefault(index);
        if (file is null) throw new BrowserException($"No contents returned for {url}");
        if (new FileInfo(file).Length > LargestFileBytes) throw new BrowserException($"The page is larger than {LargestFileBytes} bytes.");
        byte[] bytes = await File.ReadAllBytesAsync(file, cancellation).ConfigureAwait(false);
        return Path.GetExtension(file).ToLowerInvariant() is ".html" or ".htm"
            ? PageEncoding.Html(bytes, header: null)
            : PageEncoding.PlainText(bytes, header: null, Path.GetFileName(file));
    }

    // Reading a pipe would wait for a writer.
    private static bool IsPage(string file) => Kinds.Contains(Path.GetExtension(file).ToLowerInvariant()) && OutputTarget.IsRegularFile(file);

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
