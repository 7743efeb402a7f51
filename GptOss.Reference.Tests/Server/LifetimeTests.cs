using System.Net;
using GptOss.Reference.Serving;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>A server's life: loading, serving, failing, ending, coming back.</summary>
public sealed class LifetimeTests : IDisposable
{
    private const string Chat = "/v1/chat/completions";
    private const string Question =
        """{"temperature": 0, "max_tokens": 80, "messages": [{"role": "user", "content": "What is the capital of Norway?"}]}""";
    private static readonly string Endless = Question.Replace("\"max_tokens\": 80",
        "\"max_tokens\": 6000, \"logit_bias\": {\"4076\": -100, \"4079\": -100, \"4084\": -100, \"4089\": -100}", StringComparison.Ordinal);
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task While_the_model_is_loading_requests_are_503_and_say_when_to_come_back()
    {
        var loading = new TaskCompletionSource<ServedModel>();
        using var service = new ModelService("tiny-gpt-oss", loading.Task, Dated, [], NullLogger.Instance);
        await using WebApplication web = await Web(new GptOssApi(service).HandleAsync);
        using var client = new HttpClient { BaseAddress = new Uri(web.Urls.First()) };
        foreach (string path in (string[])["/ready", Chat])
        {
            using HttpResponseMessage early = path == Chat
                ? await client.PostAsync(path, new StringContent(Question), Cancellation)
                : await client.GetAsync(path, Cancellation);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, early.StatusCode);
            Assert.NotNull(early.Headers.RetryAfter);
            Assert.Contains("\"model_loading\"", await early.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/health", Cancellation)).StatusCode);
        // A probe that comes too early is not a request that was turned away.
        string[] refused = [.. (await client.GetStringAsync("/metrics", Cancellation)).Split('\n')
            .Where(line => line.StartsWith("gptoss_requests_rejected_total{", StringComparison.Ordinal) && line[^2..] != " 0")];
        Assert.Equal(["""gptoss_requests_rejected_total{model="tiny-gpt-oss",route="/v1/chat/completions",reason="model_loading"} 1"""], refused);
        await using var model = ServedModel.Load(TestData.Tiny);
        loading.SetResult(model);
        Assert.Equal(HttpStatusCode.OK, (await client.PostAsync(Chat, new StringContent(Question), Cancellation)).StatusCode);
    }

    [Fact]
    public async Task A_server_that_is_asked_to_end_finishes_what_runs_and_takes_nothing_new()
    {
        await using RunningServer server = await StartAsync();
        Task<Answer> running = server.PostAsync(Chat, Endless.Replace("6000", "1500", StringComparison.Ordinal), Cancellation);
        await RunningAsync(server, running);
        Task ending = server.Application.EndAsync(CancellationToken.None);
        Answer refused = await server.PostAsync(Chat, Question, Cancellation);
        Assert.Equal((503, "shutting_down"), (refused.Code, refused.ErrorCode));
        Assert.Equal(200, (await running).Code);
        await ending;
    }

    [Fact]
    public async Task What_still_runs_when_the_grace_is_over_ends_as_an_error()
    {
        await using RunningServer server = await StartAsync(Dated with { Grace = TimeSpan.FromMilliseconds(50) });
        Task<Answer> whole = server.PostAsync(Chat, Endless, Cancellation);
        Task<Answer> chat = server.PostAsync(Chat, Endless.Replace("\"temperature\": 0", "\"stream\": true", StringComparison.Ordinal), Cancellation);
        Task<Answer> responses = server.PostAsync("/v1/responses",
            """{"stream": true, "input": "Hi", "logit_bias": {"4076": -100, "4079": -100, "4084": -100, "4089": -100}}""", Cancellation);
        await RunningAsync(server, whole, chat, responses);
        await server.Application.EndAsync(CancellationToken.None);
        Assert.Equal((503, "shutting_down"), ((await whole).Code, (await whole).ErrorCode));
        string last = (await chat).Text.TrimEnd('\n').Split("\n\n")[^1];
        Assert.StartsWith("data: {\"error\":", last, StringComparison.Ordinal);
        Assert.Contains("event: response.failed\n", (await responses).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_defect_is_a_500_that_says_no_more_than_that_and_not_a_shutdown()
    {
        await using RunningServer server = await StartAsync();
        server.Model.Scheduler.StepTaken += (_, _) => throw new InvalidOperationException("secret detail");
        for (int i = 0; i < 2; i++)                                      // the request that meets it, and one that comes later
        {
            Answer answer = await server.PostAsync(Chat, Question, Cancellation);
            Assert.Equal((500, "internal_error"), (answer.Code, answer.ErrorCode));
            Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
        }

        Assert.Equal(500, (await server.GetAsync("/ready", Cancellation)).Code);
        Assert.Equal(200, (await server.GetAsync("/health", Cancellation)).Code);
    }

    [Fact]
    public async Task Stored_responses_outlive_the_server_in_their_file()
    {
        ServerOptions options = Dated with { StoreFile = _folder.File("responses.db") };
        string id;
        await using (RunningServer first = await StartAsync(options))
        {
            Answer answer = await first.PostAsync("/v1/responses", """{"temperature": 0, "input": "What is the capital of Norway?"}""", Cancellation);
            id = answer.Json.GetProperty("id").GetString()!;
            await first.Application.EndAsync(CancellationToken.None);
        }

        await using RunningServer second = await StartAsync(options);
        Assert.Equal(id, (await second.GetAsync($"/v1/responses/{id}", Cancellation)).Json.GetProperty("id").GetString());
        string next = $$"""{"temperature": 0, "input": "And of France?", "previous_response_id": "{{id}}"}""";
        Answer continued = await second.PostAsync("/v1/responses", next, Cancellation);
        Assert.Equal(200, continued.Code);
        string continuedId = continued.Json.GetProperty("id").GetString()!;
        Assert.Equal(3, (await second.GetAsync($"/v1/responses/{continuedId}/input_items", Cancellation)).Json.GetProperty("data").EnumerateArray()
            .Count(item => item.GetProperty("type").GetString() == "message"));
    }

    [Fact]
    public async Task The_routes_are_part_of_an_application_of_ones_own()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddGptOss(TestData.Tiny, date: Dated.Date);
        await using WebApplication web = builder.Build();
        web.MapGptOss(Dated);
        web.MapGet("/own", () => "mine");
        await web.StartAsync(Cancellation);
        await web.Services.GetRequiredService<ServedModelHost>().Loaded;
        using var client = new HttpClient { BaseAddress = new Uri(web.Urls.First()) };
        Assert.Equal("mine", await client.GetStringAsync("/own", Cancellation));
        using HttpResponseMessage answer = await client.PostAsync(Chat, new StringContent(Question), Cancellation);
        Assert.Contains("Oslo", await answer.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/ready", Cancellation)).StatusCode);
        await web.StopAsync(Cancellation);
    }

    private static async Task<WebApplication> Web(Microsoft.AspNetCore.Http.RequestDelegate handler)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication web = builder.Build();
        web.Run(handler);
        await web.StartAsync(Cancellation);
        return web;
    }

    private static async Task RunningAsync(RunningServer server, params Task<Answer>[] requests)
    {
        string wanted = $"gptoss_requests_running{{model=\"tiny-gpt-oss\"}} {requests.Length}\n";
        while (!(await server.GetAsync("/metrics", Cancellation)).Text.Contains(wanted, StringComparison.Ordinal))
        {
            foreach (Task<Answer> request in requests.Where(request => request.IsCompleted))
            {
                Assert.Fail(
                $"A request ended early: {(await request).Text}");
            }
            await Task.Delay(5, Cancellation);
        }
    }
}
