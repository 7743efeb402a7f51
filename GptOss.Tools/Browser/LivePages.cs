using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace GptOss.Tools.Browser;

/// <summary>
/// The live web, only on request: pages are fetched by HTTP(S) from public addresses, searches go to You.com or Exa where a key is given.
/// </summary>
/// <remarks>The search requests are those of the published tool. Source: <c>gpt_oss/tools/simple_browser/backend.py</c>.</remarks>
public sealed class LivePages : IBrowserBackend, IDisposable
{
    private const int LargestPageBytes = 8 << 20;
    private readonly HttpClient _http;
    private readonly string? _youKey, _exaKey;

    /// <summary>A back end with its search keys; without one, only pages can be opened.</summary>
    /// <param name="youKey">A You.com key (the published tool reads it from <c>YDC_API_KEY</c>).</param>
    /// <param name="exaKey">An Exa key (<c>EXA_API_KEY</c>).</param>
    public LivePages(string? youKey = null, string? exaKey = null)
        : this(new SocketsHttpHandler { ConnectCallback = ConnectAsync, UseProxy = false, MaxAutomaticRedirections = 5 }, youKey, exaKey)
    {
    }

    internal LivePages(HttpMessageHandler handler, string? youKey, string? exaKey)
    {
        (_youKey, _exaKey) = (youKey, exaKey);
        _http = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(30), MaxResponseContentBufferSize = LargestPageBytes };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("gptoss-reference/0.1");
    }

    /// <inheritdoc/>
    public string Source => "web";

    /// <inheritdoc/>
    public async Task<IReadOnlyList<SearchResult>> SearchAsync(string query, int count, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (!string.IsNullOrEmpty(_youKey))
        {
            string address = $"https://api.ydc-index.io/v1/search?query={Uri.EscapeDataString(query)}&count={count}";
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            using JsonDocument answer = await SendAsync(request, _youKey, "YouComBackend", cancellation).ConfigureAwait(false);
            JsonElement results = Property(answer.RootElement, "results");
            return [.. Hits(Property(results, "web"), "snippets"), .. Hits(Property(results, "news"), "description")];
        }
        if (!string.IsNullOrEmpty(_exaKey))
        {
            string body = $"{{\"query\":\"{JsonEncodedText.Encode(query)}\",\"numResults\":{count},\"contents\":{{\"text\":true,\"summary\":true}}}}";
            using var request = new HttpRequestMessage(HttpMethod.Post, "https://api.exa.ai/search");
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            using JsonDocument answer = await SendAsync(request, _exaKey, "ExaBackend", cancellation).ConfigureAwait(false);
            return [.. Hits(Property(answer.RootElement, "results"), "summary")];
        }
        throw new BrowserException("No search service: neither a You.com nor an Exa key is given. Pages can be opened by their URL.");
    }

    /// <inheritdoc/>
    public async Task<FetchedPage> FetchAsync(string url, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(url);
        string full = url.Contains("://", StringComparison.Ordinal) ? url : "https://" + url;
        if (!Uri.TryCreate(full, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
            throw new BrowserException("Only http and https pages can be opened.");
        using HttpResponseMessage response = await _http.GetAsync(address, cancellation).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode) throw new BrowserException($"HTTP error {(int)response.StatusCode}: {response.ReasonPhrase}");
        byte[] bytes = await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false);
        string? charset = response.Content.Headers.ContentType?.CharSet;
        return response.Content.Headers.ContentType?.MediaType?.ToLowerInvariant() switch
        {
            "text/html" or "application/xhtml+xml" or null => PageEncoding.Html(bytes, charset),
            "text/plain" or "text/markdown" or "application/json" => PageEncoding.PlainText(bytes, charset),
            "application/xml" or "text/xml" => PageEncoding.PlainText(bytes, charset, isXml: true),
            var other => throw new BrowserException($"A page of type {other} cannot be shown as text."),
        };
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();

    /// <summary>Whether an address is on the public internet: a page must not lead the browser into the user's own network.</summary>
    internal static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        byte[] b = address.GetAddressBytes();
        if (address.AddressFamily is AddressFamily.InterNetworkV6)
        {
            bool isLocal = IPAddress.IsLoopback(address) || address.Equals(IPAddress.IPv6Any) || address.IsIPv6LinkLocal || address.IsIPv6SiteLocal
                || address.IsIPv6UniqueLocal || address.IsIPv6Multicast;
            bool wrapsIPv4 = b is [0x00, 0x64, 0xff, 0x9b, ..] or [0x20, 0x02, ..];          // NAT64 and 6to4
            return !isLocal && !wrapsIPv4;
        }
        return b is not ([0 or 10 or 127 or >= 224, ..] or [169, 254, ..] or [172, >= 16 and <= 31, ..] or [192, 168, ..]
            or [100, >= 64 and <= 127, ..] or [192, 0, 0, ..] or [198, 18 or 19, ..]);
    }

    // Checked on the address that is connected to, after every redirection and name look-up.
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellation).ConfigureAwait(false);
        IPAddress[] allowed = [.. addresses.Where(IsPublic)];
        if (allowed.Length == 0) throw new BrowserException($"{context.DnsEndPoint.Host} is not on the public internet.");
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<JsonDocument> SendAsync(HttpRequestMessage request, string key, string name, CancellationToken cancellation)
    {
        request.Headers.Add("x-api-key", key);
        using HttpResponseMessage response = await _http.SendAsync(request, cancellation).ConfigureAwait(false);
        string body = await response.Content.ReadAsStringAsync(cancellation).ConfigureAwait(false);
        return response.IsSuccessStatusCode
            ? JsonDocument.Parse(body)
            : throw new BrowserException($"{name} error {(int)response.StatusCode}: {body}");
    }

    private static IEnumerable<SearchResult> Hits(JsonElement results, string summary)
    {
        if (results.ValueKind is not JsonValueKind.Array) yield break;
        foreach (JsonElement hit in results.EnumerateArray().Where(hit => hit.ValueKind is JsonValueKind.Object))
            yield return new SearchResult(Text(Property(hit, "title")), Text(Property(hit, "url")), Text(Property(hit, summary)));
    }

    private static JsonElement Property(JsonElement value, string name) =>
        value.ValueKind is JsonValueKind.Object && value.TryGetProperty(name, out JsonElement member) ? member : default;

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => string.Join(' ', value.EnumerateArray().Select(Text)),
        _ => "",
    };
}
