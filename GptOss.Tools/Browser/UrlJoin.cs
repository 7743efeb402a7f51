using System.Net;
using System.Net.Sockets;

namespace GptOss.Tools.Browser;

/// <summary>Links resolved against a page, by the published browser's rules: RFC 3986 for known schemes, anything else unchanged.</summary>
internal static class UrlJoin
{
    private static readonly string[] Hierarchical =
    [
        "", "ftp", "http", "gopher", "nntp", "imap", "wais", "file", "https", "shttp", "mms", "prospero", "rtsp", "rtspu", "sftp", "svn", "svn+ssh",
        "ws", "wss",
    ];

    private static readonly string[] WithParameters =
        ["", "ftp", "hdl", "prospero", "http", "https", "shttp", "rtsp", "rtspu", "sip", "sips", "mms", "sftp", "tel"];

    /// <summary>A URL in parts; joined again by <see cref="ToString"/>.</summary>
    /// <param name="Scheme">In lower case; empty without one.</param>
    /// <param name="Authority">Between <c>//</c> and the next slash, question mark or hash: user, host and port as written.</param>
    /// <param name="Path">The path, parameters included.</param>
    /// <param name="Query">Behind the question mark.</param>
    /// <param name="Fragment">Behind the hash.</param>
    private readonly record struct Parts(string Scheme, string Authority, string Path, string Query, string Fragment)
    {
        public override string ToString()
        {
            string path = Path;
            if (Authority.Length > 0 || Scheme.Length > 0 && Hierarchical.Contains(Scheme) && !path.StartsWith("//", StringComparison.Ordinal))
                path = "//" + Authority + (path.Length > 0 && path[0] != '/' ? "/" : "") + path;
            string scheme = Scheme.Length > 0 ? Scheme + ":" : "", query = Query.Length > 0 ? "?" + Query : "";
            return scheme + path + query + (Fragment.Length > 0 ? "#" + Fragment : "");
        }
    }

    /// <summary>The domain that the browser shows, user and port included; null if the URL does not parse, empty if it has none.</summary>
    /// <remarks>A URL in which <c>http</c> does not occur gets <c>http://</c> in front, so that <c>tel:+49</c> is its own domain.</remarks>
    internal static string? Domain(string url) => Split(url.Contains("http", StringComparison.Ordinal) ? url : "http://" + url)?.Authority;

    /// <summary>The link as seen from a page; null if one of them does not parse.</summary>
    internal static string? Join(string page, string link)
    {
        if (page.Length == 0)
            return link;
        if (link.Length == 0)
            return page;
        if (Split(page) is not { } from || Split(link) is not { } to)
            return null;
        if (to.Scheme.Length == 0)
            to = to with { Scheme = from.Scheme };
        if (to.Scheme != from.Scheme || !Hierarchical.Contains(to.Scheme))
            return link;
        if (to.Authority.Length > 0)
            return to.ToString();
        to = to with { Authority = from.Authority };
        (string path, string parameters) = SplitParameters(to);
        if (to.Path.Length == 0)
            return (to with { Path = from.Path, Query = to.Query.Length > 0 ? to.Query : from.Query }).ToString();

        List<string> steps = [.. path.Split('/')];
        if (!path.StartsWith('/'))
        {
            List<string> folder = [.. SplitParameters(from).Path.Split('/')];
            if (folder[^1].Length > 0)
                folder.RemoveAt(folder.Count - 1);
            steps.InsertRange(0, folder);
            for (int i = steps.Count - 2; i > 0; i--)
            {
                if (steps[i].Length == 0)
                    steps.RemoveAt(i);
            }
        }
        var kept = new List<string>();
        foreach (string step in steps)
        {
            if (step is not (".." or "."))
                kept.Add(step);
            else if (step is ".." && kept.Count > 0)
                kept.RemoveAt(kept.Count - 1);
        }
        if (steps[^1] is ".." or ".")
            kept.Add("");
        string joined = string.Join('/', kept);
        return (to with { Path = (joined.Length > 0 ? joined : "/") + parameters }).ToString();
    }

    // What follows a semicolon in the last step is not part of it; a lone semicolon goes.
    private static (string Path, string Parameters) SplitParameters(Parts url)
    {
        int at = WithParameters.Contains(url.Scheme) ? url.Path.IndexOf(';', url.Path.LastIndexOf('/') + 1) : -1;
        return at < 0 ? (url.Path, "") : (url.Path[..at], url.Path.Length > at + 1 ? url.Path[at..] : "");
    }

    private static Parts? Split(string url)
    {
        url = url.TrimStart([.. Enumerable.Range(0, 0x21).Select(c => (char)c)]).Replace("\t", "").Replace("\r", "").Replace("\n", "");
        string scheme = "", authority = "", query = "", fragment = "";
        int colon = url.IndexOf(':');
        if (colon > 0 && char.IsAsciiLetter(url[0]) && url.AsSpan(0, colon).IndexOfAnyExcept(SchemeCharacters) < 0)
            (scheme, url) = (url[..colon].ToLowerInvariant(), url[(colon + 1)..]);
        if (url.StartsWith("//", StringComparison.Ordinal))
        {
            int end = url.AsSpan(2).IndexOfAny('/', '?', '#');
            end = end < 0 ? url.Length : end + 2;
            (authority, url) = (url[2..end], url[end..]);
            if (!IsAuthority(authority))
                return null;
        }
        if (url.IndexOf('#') is var hash and >= 0)
            (url, fragment) = (url[..hash], url[(hash + 1)..]);
        if (url.IndexOf('?') is var mark and >= 0)
            (url, query) = (url[..mark], url[(mark + 1)..]);
        return new Parts(scheme, authority, url, query, fragment);
    }

    private static readonly System.Buffers.SearchValues<char> SchemeCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    // The characters that compatibility decomposition (NFKC) turns into one of / ? # @ : or text with one.
    private static readonly System.Buffers.SearchValues<char> Delimiters = System.Buffers.SearchValues.Create(
        "\u2047\u2048\u2049\u2100\u2101\u2105\u2106\u2A74\uFE13\uFE16\uFE55\uFE56\uFE5F\uFE6B\uFF03\uFF0F\uFF1A\uFF1F\uFF20");

    // Brackets belong in pairs around an address, and no character may become a delimiter when it is normalised.
    private static bool IsAuthority(string authority)
    {
        bool open = authority.Contains('['), close = authority.Contains(']');
        if (open != close)
            return false;
        if (open)
        {
            string inside = authority[(authority.IndexOf('[') + 1)..];
            inside = inside[..Math.Max(inside.IndexOf(']'), 0)];
            if (!IPAddress.TryParse(inside, out IPAddress? address) || address.AddressFamily is not AddressFamily.InterNetworkV6)
                return false;
        }
        return !authority.AsSpan().ContainsAny(Delimiters);
    }
}
