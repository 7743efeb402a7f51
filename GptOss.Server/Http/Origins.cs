using System.Net;

namespace GptOss.Server.Http;

/// <summary>
/// Which web pages may use the server. A page anywhere can send requests to this machine; only the browser's Origin tells them apart.
/// </summary>
/// <param name="more">Allowed origins beside the local ones, such as <c>https://chat.example</c>; <c>*</c> allows all.</param>
internal sealed class Origins(IReadOnlyList<string> more)
{
    private static readonly string[] AppSchemes = ["app", "file", "tauri", "vscode-webview", "vscode-file"];

    /// <summary>Whether pages of this origin may use the server: pages served from this machine, desktop applications, and those added.</summary>
    internal bool Allows(string origin)
    {
        if (!IsPrintable(origin))
            return false;
        if (more.Contains("*") || more.Any(allowed => string.Equals(allowed.TrimEnd('/'), origin, StringComparison.OrdinalIgnoreCase)))
            return true;
        int scheme = origin.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
            return false;
        if (AppSchemes.Contains(origin[..scheme], StringComparer.OrdinalIgnoreCase))
            return true;
        return Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0
            && IsLoopback(uri.Host);
    }

    /// <summary>
    /// Whether a Host header names this machine. A foreign name on a loopback connection is DNS rebinding: a page's own name made to point here.
    /// </summary>
    internal static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));

    /// <summary>
    /// Sets the headers by which a browser lets a page read an answer, for allowed origins. Every answer needs them, errors and streams too.
    /// </summary>
    /// <exception cref="ApiException">A foreign page wants to change something and no key protects the server.</exception>
    internal void Apply(HttpContext context, bool keysRequired)
    {
        string origin = context.Request.Headers.Origin.ToString();
        if (origin.Length == 0)
            return;
        IHeaderDictionary headers = context.Response.Headers;
        headers.Vary = "Origin";
        if (Allows(origin) || IsOwnPage(context.Request, origin))
        {
            headers.AccessControlAllowOrigin = origin;
            headers.AccessControlExposeHeaders = "x-request-id, retry-after";
            if (HttpMethods.IsOptions(context.Request.Method))
            {
                headers.AccessControlAllowMethods = "GET, HEAD, POST, DELETE, OPTIONS";
                headers.AccessControlMaxAge = "600";
                // Echoed whatever they are: client libraries send a dozen of their own, and fixed lists break with each new one.
                if (context.Request.Headers.AccessControlRequestHeaders.ToString() is { Length: > 0 } asked && IsPrintable(asked))
                    headers.AccessControlAllowHeaders = asked;
            }
        }
        else if (!keysRequired && (HttpMethods.IsPost(context.Request.Method) || HttpMethods.IsDelete(context.Request.Method)))
        {
            throw new ApiException(403, "origin_not_allowed", "Pages of this origin may not use this server; --cors-origin allows them.");
        }
    }

    // What may be echoed in a header.
    private static bool IsPrintable(string text) => text.All(c => c is >= ' ' and <= '~');

    // The chat page of this server itself, whatever address it was opened by.
    private static bool IsOwnPage(HttpRequest request, string origin) =>
        request.Host.HasValue && IsPrintable(origin)
        && string.Equals(origin, $"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase);

    /// <summary>On loopback without a key the Host header must name loopback.</summary>
    /// <exception cref="ApiException">It names something else.</exception>
    internal static void RequireLoopbackHost(HttpContext context, bool keysRequired)
    {
        if (keysRequired || context.Connection.LocalIpAddress is not { } address || !IPAddress.IsLoopback(address))
            return;
        if (context.Request.Host.HasValue && !IsLoopback(context.Request.Host.Host))
        {
            throw new ApiException(403, "origin_not_allowed",
                "The Host header does not name this machine; a server without keys answers local requests only.");
        }
    }
}
