using System.IO.Compression;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Serving;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>What bounds a request: size, time, queue, keys, origins.</summary>
public sealed class HttpLimitsTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Question =
        """{"temperature": 0, "max_tokens": 80, "messages": [{"role": "user", "content": "What is the capital of Norway?"}]}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_body_that_is_too_large_is_413_and_one_of_exactly_the_limit_is_read()
    {
        await using RunningServer server = await StartAsync(Dated with { MaxBodyBytes = 2000 });
        Answer tooLarge = await server.PostAsync(Chat, Question + new string(' ', 2001 - Question.Length), Cancellation);
        Assert.Equal((413, "request_too_large"), (tooLarge.Code, tooLarge.ErrorCode));
        Assert.Equal(200, (await server.PostAsync(Chat, Question + new string(' ', 2000 - Question.Length), Cancellation)).Code);

        // The limit is on what comes out of the compression, whatever goes in.
        Answer bomb = await server.SendAsync(Compressed(Question + new string(' ', 1 << 20), "gzip"), Cancellation);
        Assert.Equal((413, "request_too_large"), (bomb.Code, bomb.ErrorCode));
    }

    [Theory]
    [InlineData("gzip", 200)]
    [InlineData("br", 200)]
    [InlineData("deflate", 200)]
    [InlineData("zstd", 415)]
    public async Task Compressed_bodies_are_read_where_the_encoding_is_known(string encoding, int status)
    {
        await using RunningServer server = await StartAsync();
        Answer answer = await server.SendAsync(Compressed(Question, encoding), Cancellation);
        Assert.Equal(status, answer.Code);
        if (status == 200)
            Assert.Contains("Oslo", answer.Text, StringComparison.Ordinal);
        else
            Assert.Equal("unsupported_media_type", answer.ErrorCode);
    }

    [Fact]
    public async Task A_body_that_is_not_what_its_encoding_says_is_invalid_json()
    {
        await using RunningServer server = await StartAsync();
        HttpRequestMessage request = Compressed(Question, "gzip");
        request.Content = new ByteArrayContent([1, 2, 3, 4]);
        request.Content.Headers.ContentEncoding.Add("gzip");
        Answer answer = await server.SendAsync(request, Cancellation);
        Assert.Equal((400, "invalid_json"), (answer.Code, answer.ErrorCode));
    }

    [Fact]
    public async Task A_body_that_does_not_arrive_in_time_is_408()
    {
        await using RunningServer server = await StartAsync(Dated with { BodyTimeout = TimeSpan.FromMilliseconds(300) });
        string answer = await RawAsync(server, $"POST {Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{\"messages\":");
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"request_timeout\"", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_answers_than_run_at_once_are_400()
    {
        await using RunningServer server = await StartAsync(Dated, new SchedulerOptions { MaxSequences = 2 });
        Answer refused = await server.PostAsync(Chat, Question.Replace("{", "{\"n\": 3, ", StringComparison.Ordinal), Cancellation);
        Assert.Equal((400, "invalid_value"), (refused.Code, refused.ErrorCode));
        Assert.Contains("n is 3; this server generates 2 answers at once.", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_queue_is_429_with_the_time_to_wait_and_the_rest_is_answered()
    {
        await using RunningServer server = await StartAsync(Dated, new SchedulerOptions { MaxSequences = 1, MaxQueue = 0 });
        string endless =
            Question.Replace("\"max_tokens\": 80", "\"max_tokens\": 4000, \"stream\": true, \"logit_bias\": {\"4076\": -100, \"4079\": -100, " +
                "\"4084\": -100, \"4089\": -100}", StringComparison.Ordinal);
        using var leaving = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = new StringContent(endless) };
        using HttpResponseMessage running = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leaving.Token);
        using var lines = new StreamReader(await running.Content.ReadAsStreamAsync(Cancellation));
        while (await lines.ReadLineAsync(Cancellation) is { } line && !line.StartsWith("data:", StringComparison.Ordinal))
        {
            // It runs once its first chunk is here.
        }

        Answer refused = await server.PostAsync(Chat, Question, Cancellation);
        Assert.Equal((429, "rate_limit_exceeded", "true"), (refused.Code, refused.ErrorCode, refused.Header("x-should-retry")));
        Assert.InRange(int.Parse(refused.Header("Retry-After"), System.Globalization.CultureInfo.InvariantCulture), 1, 60);

        running.Dispose();                                               // its client leaves: the place is free within a step
        Answer answer = refused;
        for (int i = 0; i < 300 && answer.Code == 429; i++)
        {
            await Task.Delay(10, Cancellation);
            answer = await server.PostAsync(Chat, Question, Cancellation);
        }

        Assert.Equal(200, answer.Code);
    }

    [Fact]
    public async Task Keys_are_asked_for_everywhere_but_at_the_probes_and_the_page()
    {
        await using RunningServer server = await StartAsync(Dated with { ApiKeys = ["first", "second"] });
        foreach (string path in (string[])["/", "/health", "/ready"])
            Assert.Equal(200, (await server.GetAsync(path, Cancellation)).Code);
        foreach (string path in (string[])["/v1/models", "/metrics", "/v1/nowhere"])
        {
            foreach (string? key in (string?[])[null, "Bearer wrong", "Bearer ", "Bearer first2", "Basic first", "first"])
            {
                Answer refused = await server.SendAsync(With(HttpMethod.Get, path, ("Authorization", key)), Cancellation);
                Assert.Equal((401, "invalid_api_key", "Bearer"), (refused.Code, refused.ErrorCode, refused.Headers.WwwAuthenticate.ToString()));
                Assert.DoesNotContain("first", refused.Text, StringComparison.Ordinal);
            }
        }

        foreach (string key in (string[])["Bearer first", "bearer second"])
            Assert.Equal(200, (await server.SendAsync(With(HttpMethod.Get, "/v1/models", ("Authorization", key)), Cancellation)).Code);
    }

    [Fact]
    public async Task Keys_do_not_see_each_others_responses()
    {
        await using RunningServer server = await StartAsync(Dated with { ApiKeys = ["first", "second"] });
        HttpRequestMessage create = With(HttpMethod.Post, "/v1/responses", ("Authorization", "Bearer first"));
        create.Content = new StringContent("""{"input": "Hi", "max_output_tokens": 8}""");
        string id = (await server.SendAsync(create, Cancellation)).Json.GetProperty("id").GetString()!;
        Assert.Equal(200,
            (await server.SendAsync(With(HttpMethod.Get, $"/v1/responses/{id}", ("Authorization", "Bearer first")), Cancellation)).Code);
        Assert.Equal(404,
            (await server.SendAsync(With(HttpMethod.Get, $"/v1/responses/{id}", ("Authorization", "Bearer second")), Cancellation)).Code);
        Assert.Equal(404,
            (await server.SendAsync(With(HttpMethod.Delete, $"/v1/responses/{id}", ("Authorization", "Bearer second")), Cancellation)).Code);
    }

    [Fact]
    public async Task Pages_of_this_machine_may_read_every_answer_and_foreign_ones_may_start_none()
    {
        await using RunningServer server = await StartAsync();
        foreach (string path in (string[])["/v1/models", "/v1/nowhere", "/health"])
        {
            Answer local = await server.SendAsync(With(HttpMethod.Get, path, ("Origin", "http://localhost:5173")), Cancellation);
            Assert.Equal("http://localhost:5173", local.Header("Access-Control-Allow-Origin"));
            Answer foreign = await server.SendAsync(With(HttpMethod.Get, path, ("Origin", "https://evil.example")), Cancellation);
            Assert.Equal("", foreign.Header("Access-Control-Allow-Origin"));
        }

        HttpRequestMessage post = With(HttpMethod.Post, Chat, ("Origin", "https://evil.example"));
        post.Content = new StringContent(Question);
        Answer refused = await server.SendAsync(post, Cancellation);
        Assert.Equal((403, "origin_not_allowed"), (refused.Code, refused.ErrorCode));

        Answer preflight =
            await server.SendAsync(With(HttpMethod.Options, Chat, ("Origin", "http://localhost:1"),
                ("Access-Control-Request-Headers", "x-stainless-os, authorization")), Cancellation);
        Assert.Equal((204, "x-stainless-os, authorization"), (preflight.Code, preflight.Header("Access-Control-Allow-Headers")));
    }

    [Fact]
    public async Task A_host_name_that_was_bent_to_this_machine_is_refused()
    {
        await using RunningServer server = await StartAsync();
        Answer refused = await server.SendAsync(With(HttpMethod.Get, "/v1/models", ("Host", "evil.example")), Cancellation);
        Assert.Equal((403, "origin_not_allowed"), (refused.Code, refused.ErrorCode));
        Assert.Equal(200, (await server.SendAsync(With(HttpMethod.Get, "/v1/models", ("Host", "localhost")), Cancellation)).Code);
    }

    [Fact]
    public async Task A_reader_that_is_slow_receives_every_byte_and_holds_no_one_up()
    {
        await using RunningServer server = await StartAsync();
        string ask = Question.Replace("\"temperature\": 0", "\"temperature\": 0, \"stream\": true", StringComparison.Ordinal);
        Answer fast = await server.PostAsync(Chat, ask, Cancellation);
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat) { Content = new StringContent(ask) };
        using HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using Stream stream = await response.Content.ReadAsStreamAsync(Cancellation);
        var slow = new StringBuilder();
        byte[] buffer = new byte[97];
        for (int read; (read = await stream.ReadAsync(buffer, Cancellation)) > 0;)
        {
            slow.Append(Encoding.UTF8.GetString(buffer, 0, read));
            if (slow.Length < 1000)
                Assert.Equal(200, (await server.PostAsync(Chat, Question, Cancellation)).Code);
        }

        Assert.Equal(Content(fast.Text), Content(slow.ToString()));
        Assert.EndsWith("data: [DONE]\n\n", slow.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_silence_in_a_stream_is_filled_with_comments()
    {
        await using RunningServer server = await StartAsync(Dated with { KeepAlive = TimeSpan.FromMilliseconds(1) });
        string longPrompt = JsonSerializer.Serialize(string.Concat(Enumerable.Repeat("What is the capital of Norway? ", 200)));
        Answer answer = await server.PostAsync(Chat,
            $$"""{"stream": true, "max_tokens": 5, "messages": [{"role": "user", "content": {{longPrompt}}}]}""", Cancellation);
        Assert.Contains("\n: waiting\n", answer.Text, StringComparison.Ordinal);
    }

    private static string Content(string stream) =>
        string.Concat(stream.Split("\n\n").Where(frame => frame.StartsWith("data: {", StringComparison.Ordinal))
        .Select(frame =>
            JsonElement.Parse(frame["data: ".Length..]).GetProperty("choices")[0].GetProperty("delta")
                .TryGetProperty("content", out JsonElement text) ? text.GetString() : ""));

    private static HttpRequestMessage With(HttpMethod method, string path, params (string Name, string? Value)[] headers)
    {
        var request = new HttpRequestMessage(method, path);
        foreach ((string name, string? value) in headers)
        {
            if (value is not null)
                request.Headers.TryAddWithoutValidation(name, value);
        }
        return request;
    }

    private static HttpRequestMessage Compressed(string body, string encoding)
    {
        using var bytes = new MemoryStream();
        using (Stream packing = encoding switch { "gzip" => new GZipStream(bytes, CompressionLevel.Fastest, true), "br" =>
            new BrotliStream(bytes, CompressionLevel.Fastest, true), _ => new ZLibStream(bytes, CompressionLevel.Fastest, true) })
        {
            packing.Write(Encoding.UTF8.GetBytes(body));
        }
        var content = new ByteArrayContent(bytes.ToArray());
        content.Headers.ContentEncoding.Add(encoding);
        return new HttpRequestMessage(HttpMethod.Post, Chat) { Content = content };
    }

    private static async Task<string> RawAsync(RunningServer server, string text)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", new Uri(server.Application.Url).Port, Cancellation);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.UTF8.GetBytes(text), Cancellation);
        using var answer = new MemoryStream();
        byte[] buffer = new byte[4096];
        do
        {
            int read = await stream.ReadAsync(buffer, Cancellation);
            if (read == 0)
                break;
            answer.Write(buffer, 0, read);
        }
        while (!Encoding.UTF8.GetString(answer.ToArray()).Contains("\"code\"", StringComparison.Ordinal));
        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
