using System.Globalization;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>Bytes on the wire that no client sends: an answer or a closed connection, never a 5xx, never a header of the sender's.</summary>
public sealed partial class HostileRequestsTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions";
    private const string Ask = """{"messages":[{"role":"user","content":"Hi"}],"max_tokens":2,"temperature":0}""";
    private RunningServer _server = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Requests => new()
    {
        { "HTTP/1.1 431", $"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: {new string('a', 40_000)}\r\n\r\n" },
        { "HTTP/1.1 414", $"GET /{new string('a', 20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n" },
        { "HTTP/1.1 404", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n" },
        { "HTTP/1.1 404", "GET /v1/responses/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost\r\n\r\n" },
        { "HTTP/1.1 404", "GET /v1/responses/%0d%0aX-Evil:%201 HTTP/1.1\r\nHost: localhost\r\n\r\n" },
        { "HTTP/1.1 404", "GET /v1/models/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n" },
        { "HTTP/1.1 400", "GET /v1/models/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n" },
        { "HTTP/1.1 400", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n" },
        { "HTTP/1.1 400", "GET /health HTTP/1.1\r\n\r\n" },
        { "HTTP/1.1 400", "GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: a\rX-Evil: 1\r\n\r\n" },
        { "HTTP/1.1 204", Preflight("a,\u0001") },
        { "HTTP/1.1 204", Preflight("é") },
        { "HTTP/1.1 403", Post(Ask, "Origin: app://é\r\n") },
        { "HTTP/1.1 403", Post(Ask, "Origin: app://\u0001\r\n") },
        { "HTTP/1.1 403", Post(Ask, "Origin: http://localhost.evil.example\r\n") },
        { "HTTP/1.1 403", Post(Ask, "Origin: http://evil@localhost\r\n") },
        { "HTTP/1.1 403", Post(Ask, "Origin: null\r\n") },
        { "HTTP/1.1 400", $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n" },
        { "HTTP/1.1 413", $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{{" },
        { "HTTP/1.1 400", $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n" },
        {
            "HTTP/1.1 400",
            $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        },
        { "HTTP/1.1 400", "\u0016\u0003\u0001\u0002\0\u0001\r\n\r\n" },
        { "HTTP/1.1 400", Post("""{"messages":[{"role":"user","content":"Hi"}],"temperature":NaN}""") },
        { "HTTP/1.1 400", Post("""{"messages":[{"role":"user","content":"Hi"}],"temperature":-1e999}""") },
        { "HTTP/1.1 400", Post("""{"messages":[{"role":"user","content":"Hi"}],"seed":18446744073709551615}""") },
        { "HTTP/1.1 400", Post("{}{}") },
        { "HTTP/1.1 400", Post("") },
        { "HTTP/1.1 400", Post("{\"messages\":[{\"role\":\"user\",\"content\":\"a\0b\"}]}") },
        { "HTTP/1.1 200", Post("""{"messages":5,"max_tokens":1,"max_tokens":2,"messages":[{"role":"bad","role":"user","content":"Hi"}]}""") },
        { "HTTP/1.1 404", Post("""{"model":"a\r\nX-Evil: 1","messages":[{"role":"user","content":"Hi"}]}""") },
    };

    public async ValueTask InitializeAsync() => _server = await StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory, MemberData(nameof(Requests))]
    public async Task A_request_that_no_client_sends_is_answered_in_kind(string status, string request)
    {
        string answer = await RawAsync(Encoding.UTF8.GetBytes(request));
        Assert.StartsWith(status, answer, StringComparison.Ordinal);
        Assert.DoesNotContain("\nX-Evil", answer, StringComparison.Ordinal);
        Assert.Equal(0, await _server.DefectsAsync(Cancellation));
        if (status is "HTTP/1.1 200" or "HTTP/1.1 204")
            return;
        // Whoever refused it, the server or what carries it: one shape.
        string[] parts = answer.Split("\r\n\r\n", 2);
        Assert.Contains("\r\nContent-Type: application/json", parts[0], StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"\r\nContent-Length: {Encoding.UTF8.GetByteCount(parts[1])}", parts[0], StringComparison.OrdinalIgnoreCase);
        Assert.Matches("\r\nx-request-id: req_[0-9a-f]{32}\r?", parts[0]);
        Assert.NotEqual("", new Answer(default, parts[1], null!).ErrorCode);
    }

    [Fact]
    public async Task A_refusal_ends_its_connection_behind_the_answers_that_came_before_and_is_counted()
    {
        using TcpClient client = await ConnectAsync();
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nnonsense\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"u8
            .ToArray(), Cancellation);
        using var reader = new StreamReader(stream);
        string[] answers = (await reader.ReadToEndAsync(Cancellation)).Split("HTTP/1.1 ");
        Assert.Equal(3, answers.Length);
        Assert.EndsWith("{\"status\":\"ok\"}", answers[1], StringComparison.Ordinal);
        Assert.StartsWith("400 Bad Request\r\n", answers[2], StringComparison.Ordinal);
        Assert.Contains("gptoss_requests_total{model=\"tiny-gpt-oss\",route=\"none\",code=\"400\"} 1\n",
            (await _server.GetAsync("/metrics", Cancellation)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_head_that_never_comes_is_refused_in_the_same_shape()
    {
        await using RunningServer server = await StartAsync(Dated with { BodyTimeout = TimeSpan.FromMilliseconds(200) });
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(server.Application.Url).Port, Cancellation);
        await client.GetStream().WriteAsync("GET /health HTTP/1.1\r\nHost: loc"u8.ToArray(), Cancellation);
        using var reader = new StreamReader(client.GetStream());
        string[] parts = (await reader.ReadToEndAsync(Cancellation)).Split("\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 408", parts[0], StringComparison.Ordinal);
        Assert.Equal("request_timeout", new Answer(default, parts[1], null!).ErrorCode);
    }

    [Fact]
    public async Task Clients_that_never_finish_their_headers_or_bodies_hold_no_one_up()
    {
        var slow = new List<TcpClient>();
        try
        {
            for (int i = 0; i < 200; i++)
            {
                TcpClient client = await ConnectAsync();
                slow.Add(client);
                string begun = i % 2 == 0 ? $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Le" : Post(Ask)[..^5];
                await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(begun), Cancellation);
            }

            Assert.Equal(200, (await _server.PostAsync(Chat, Ask, Cancellation)).Code);
            slow[1].Close();                                             // half a body, then gone
            Assert.Equal(200, (await _server.PostAsync(Chat, Ask, Cancellation)).Code);
        }
        finally
        {
            slow.ForEach(client => client.Dispose());
        }
    }

    private static string Preflight(string headers) =>
        $"OPTIONS {Chat} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:1\r\nAccess-Control-Request-Headers: {headers}\r\n\r\n";

    private static string Post(string body, string more = "") =>
        $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";

    private async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(_server.Application.Url).Port, Cancellation);
        return client;
    }

    // The first answer.
    private async Task<string> RawAsync(byte[] request)
    {
        using TcpClient client = await ConnectAsync();
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(request, Cancellation);
        using var answer = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (!IsWhole(Encoding.UTF8.GetString(answer.ToArray())))
        {
            int read = await stream.ReadAsync(buffer, Cancellation);
            if (read == 0)
                break;
            answer.Write(buffer, 0, read);
        }
        return Encoding.UTF8.GetString(answer.ToArray());
    }

    private static bool IsWhole(string answer)
    {
        int end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return end >= 0 && Encoding.UTF8.GetByteCount(answer[(end + 4)..]) >= Length().Match(answer[..end]) switch
        {
            { Success: true } match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture),
            _ => 0,
        };
    }

    [GeneratedRegex("\r\nContent-Length: ([0-9]+)", RegexOptions.IgnoreCase)]
    private static partial Regex Length();
}
