using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using GptOss.Reference.Serving;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.Cli;
using GptOss.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>What the server tells its operator, and where.</summary>
public sealed class LogTests : IDisposable
{
    private const string Question = """{"max_tokens": 4, "messages": [{"role": "user", "content": "Hi"}] MORE}""";
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Standard_output_is_the_address_and_log_lines_go_to_standard_error()
    {
        string file = _folder.File("responses.db");
        using Process process = CommandLine.Start(new Dictionary<string, string>(),
            "serve", "--model", TestData.Tiny, "--port", "0", "--store", file);
        try
        {
            string address = (await process.StandardOutput.ReadLineAsync(Cancellation))!;
            await using (var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString()))
            {
                await connection.OpenAsync(Cancellation);
                await using SqliteCommand drop = connection.CreateCommand();
                drop.CommandText = "DROP TABLE responses";
                await drop.ExecuteNonQueryAsync(Cancellation);
            }

            using var client = new HttpClient { BaseAddress = new Uri(address) };
            using HttpResponseMessage failed = await client.GetAsync("/v1/responses/resp_1", Cancellation);
            Assert.Equal(500, (int)failed.StatusCode);
            using (var end = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]))
                await end.WaitForExitAsync(Cancellation);
            Task<string> error = process.StandardError.ReadToEndAsync(Cancellation);
            Assert.Equal("", await process.StandardOutput.ReadToEndAsync(Cancellation));
            Assert.Contains($"Request {failed.Headers.GetValues("x-request-id").Single()} failed.", await error, StringComparison.Ordinal);
        }
        finally
        {
            process.Kill();
        }
    }

    [Fact]
    public void A_port_that_is_in_use_is_one_sentence()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        Cli.Answer answer = CommandLine.RunProcess(new Dictionary<string, string>(), "serve", "--model", TestData.Tiny, "--port", $"{port}");
        Assert.Equal((3, ""), (answer.Code, answer.Out));
        Assert.Matches($@"^Cannot listen on 127\.0\.0\.1:{port}: [^\n]+\n$", answer.Error);
    }

    [Fact]
    public async Task A_defect_in_a_stream_is_logged_under_the_requests_id()
    {
        var log = new Lines();
        await using var model = ServedModel.Load(TestData.Tiny);
        model.Scheduler.StepTaken += (_, _) => throw new InvalidOperationException("what happened");
        using var service = new ModelService("tiny-gpt-oss", Task.FromResult(model), Dated, [], log);
        await using WebApplication web = await WebAsync(service);
        using var client = new HttpClient { BaseAddress = new Uri(web.Urls.First()) };
        using HttpResponseMessage answer = await client.PostAsync("/v1/chat/completions",
            new StringContent(Question.Replace("MORE", ", \"stream\": true", StringComparison.Ordinal)), Cancellation);
        string text = await answer.Content.ReadAsStringAsync(Cancellation);
        Assert.Contains("data: {\"error\":{\"message\":\"The server failed.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", text, StringComparison.Ordinal);
        Assert.Equal([$"Error Request {answer.Headers.GetValues("x-request-id").Single()} failed. what happened"], log.All);
    }

    [Fact]
    public async Task An_answer_that_comes_too_late_for_its_client_is_warned_of()
    {
        var log = new Lines();
        await using var model = ServedModel.Load(TestData.Tiny);
        model.Scheduler.StepTaken += (_, _) => Thread.Sleep(1000);
        using var service = new ModelService("tiny-gpt-oss", Task.FromResult(model), Dated, [], log) { LateAfter = TimeSpan.FromSeconds(0.6) };
        await using WebApplication web = await WebAsync(service);
        using var client = new HttpClient { BaseAddress = new Uri(web.Urls.First()) };
        foreach (string more in (string[])["", ", \"stream\": true"])
        {
            using HttpResponseMessage answer = await client.PostAsync("/v1/chat/completions",
                new StringContent(Question.Replace("MORE", more, StringComparison.Ordinal)), Cancellation);
            await answer.Content.ReadAsStringAsync(Cancellation);
            if (more.Length == 0)
            {
                Assert.StartsWith($"Warning Request {answer.Headers.GetValues("x-request-id").Single()} to /v1/chat/completions has no answer",
                    Assert.Single(log.All), StringComparison.Ordinal);
            }
        }

        Assert.Single(log.All);                                          // a stream answers at once
    }

    private static async Task<WebApplication> WebAsync(ModelService service)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication web = builder.Build();
        web.Run(new GptOssApi(service).HandleAsync);
        await web.StartAsync(Cancellation);
        return web;
    }

    private sealed class Lines : ILogger
    {
        private readonly Lock _gate = new();
        private readonly List<string> _lines = [];

        internal IReadOnlyList<string> All
        {
            get
            {
                lock (_gate)
                {
                    return [.. _lines];
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception,
            Func<TState, Exception?, string> formatter)
        {
            lock (_gate)
            {
                string why = exception is null ? "" : " " + (exception.InnerException ?? exception).Message;
                _lines.Add($"{logLevel} {formatter(state, exception)}{why}");
            }
        }
    }
}
