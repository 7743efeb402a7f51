using System.Security.Cryptography;
using System.Text;

namespace GptOss.Server.Http;

/// <summary>GET <c>/</c>: the chat page, one document that loads nothing from elsewhere.</summary>
internal sealed class PageEndpoint
{
    private readonly byte[] _page;
    private readonly string _policy;

    internal PageEndpoint()
    {
        using Stream stream = typeof(PageEndpoint).Assembly.GetManifestResourceStream("index.html")!;
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        _page = copy.ToArray();
        string text = Encoding.UTF8.GetString(_page);
        _policy = $"default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
            $"script-src '{Hash(text, "script")}'; style-src 'unsafe-inline'";
    }

    internal async Task HandleAsync(HttpContext context, string id)
    {
        HttpResponse response = context.Response;
        response.ContentType = "text/html; charset=utf-8";
        response.ContentLength = _page.Length;
        response.Headers.ContentSecurityPolicy = _policy;
        response.Headers["referrer-policy"] = "no-referrer";
        response.Headers.XContentTypeOptions = "nosniff";
        await response.Body.WriteAsync(_page, context.RequestAborted);
    }

    // What the policy allows to run is exactly the page's own script.
    private static string Hash(string page, string tag)
    {
        int from = page.IndexOf($"<{tag}>", StringComparison.Ordinal) + tag.Length + 2;
        int to = page.IndexOf($"</{tag}>", StringComparison.Ordinal);
        return "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page[from..to])));
    }
}
