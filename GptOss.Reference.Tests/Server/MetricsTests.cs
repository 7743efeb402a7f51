using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using GptOss.Reference.Serving;
using GptOss.Reference.Tests.Checkpoints;
using Microsoft.Data.Sqlite;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>Every figure of <c>/metrics</c> is there from the start and moves with what it counts.</summary>
public sealed class MetricsTests : IDisposable
{
    private const string Chat = "/v1/chat/completions";
    private const string Question =
        """{"temperature": 0, "max_tokens": 80, "messages": [{"role": "user", "content": "What is the capital of Norway?"}] MORE}""";
    private const string Endless = """, "stream": true, "logit_bias": {"4076": -100, "4079": -100, "4084": -100, "4089": -100}""";
    private const string Schema =
        """, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["Oslo", "Paris"]}}}""";

    private static readonly string[] Gauges =
    [
        "requests_running", "requests_waiting", "batch_size", "kv_cache_bytes", "kv_cache_usage_ratio", "prefix_cache_bytes", "stored_responses",
    ];

    private static readonly string[] Counts =
    [
        "requests_total", "requests_rejected_total", "requests_cancelled_total", "errors_total", "prompt_tokens_total",
        "prompt_tokens_cached_total", "generation_tokens_total", "reasoning_tokens_total", "time_to_first_token_seconds_count",
        "time_per_output_token_seconds_count", "request_queue_seconds_count", "request_duration_seconds_count", "step_seconds_count",
        "grammar_compile_seconds_count", "grammar_mask_seconds_count", "grammar_cache_hits_total", "grammar_cache_misses_total",
    ];

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_figure_moves_with_what_it_counts()
    {
        string file = _folder.File("responses.db");
        await using RunningServer server = await StartAsync(Dated with { StoreFile = file }, new SchedulerOptions { MaxSequences = 1, MaxQueue = 1 });
        Dictionary<string, double> figures = await FiguresAsync(server);
        Assert.All(Gauges.Concat(Counts.Except(["requests_total", "request_duration_seconds_count"])), name => Assert.Equal(0, figures[name]));

        await PostAsync(server, "");
        await PostAsync(server, Schema);
        await PostAsync(server, Schema);
        Assert.Equal(200, (await server.PostAsync("/v1/responses", """{"input": "Hi", "max_output_tokens": 8}""", Cancellation)).Code);
        using (var leaving = new CancellationTokenSource())
        {
            Task running = IgnoredAsync(server.PostAsync(Chat, With(Endless, 8000), leaving.Token));
            figures = await WhenAsync(server, now => now["requests_running"] == 1 && now["batch_size"] == 1);
            Task waiting = IgnoredAsync(server.PostAsync(Chat, With(Endless, 8000), leaving.Token));
            figures = await WhenAsync(server, now => now["requests_waiting"] == 1);
            Assert.All(Gauges, name => Assert.True(figures[name] > 0, name));
            Assert.Equal(429, (await server.PostAsync(Chat, With("", 80), Cancellation)).Code);
            await leaving.CancelAsync();
            await Task.WhenAll(running, waiting);
        }

        await WhenAsync(server, now => (now["requests_cancelled_total"], now["requests_running"], now["requests_waiting"]) == (2, 0, 0));
        await BreakAsync(file);
        Answer failed = await server.PostAsync("/v1/responses", """{"input": [{"type": "item_reference", "id": "x"}]}""", Cancellation);
        Assert.Equal((500, "internal_error"), (failed.Code, failed.ErrorCode));
        figures = await FiguresAsync(server);
        Assert.All(Counts, name => Assert.True(figures[name] > 0, name));
        Assert.Equal(1, figures["errors_total"]);
        await HasAsync(server, """requests_rejected_total{model="tiny-gpt-oss",route="/v1/chat/completions",reason="rate_limit_exceeded"} 1""",
            """requests_cancelled_total{model="tiny-gpt-oss",route="/v1/chat/completions"} 2""",
            """errors_total{model="tiny-gpt-oss",route="/v1/responses"} 1""",
            """time_to_first_token_seconds_count{model="tiny-gpt-oss",route="/v1/responses"} 1""",
            """answers_total{model="tiny-gpt-oss",route="/v1/responses",finish="length"} 1""",
            """requests_total{model="tiny-gpt-oss",route="/v1/chat/completions",code="429"} 1""");
    }

    [Fact]
    public async Task The_time_between_tokens_is_that_of_one_answer_among_several()
    {
        await using RunningServer server = await StartAsync();
        await PostAsync(server, """, "n": 3""");
        Dictionary<string, double> figures = await WhenAsync(server, now => now["generation_tokens_total"] > 0);
        Assert.Equal((1, 3), (figures["time_to_first_token_seconds_count"], figures["answers_total"]));
        Assert.Equal(figures["generation_tokens_total"] - 3, figures["time_per_output_token_seconds_count"]);
    }

    [Fact]
    public async Task Counters_say_how_much()
    {
        await using RunningServer server = await StartAsync();
        for (int i = 0; i < 2; i++)
            await PostAsync(server, "");
        await PostAsync(server, Schema);
        await PostAsync(server, Schema);
        // The last request is counted once it is over, shortly after its answer has been read.
        Dictionary<string, double> figures = await WhenAsync(server,
            now => now["generation_tokens_total"] == now["time_per_output_token_seconds_count"] + 4);
        Assert.Equal((1, 1), (figures["grammar_cache_hits_total"], figures["grammar_cache_misses_total"]));
        Assert.Equal(4, figures["time_to_first_token_seconds_count"]);
        Assert.Equal(4, figures["request_queue_seconds_count"]);
        Assert.True(figures["step_seconds_count"] >= figures["generation_tokens_total"] / 4, $"{figures["step_seconds_count"]} steps");
        Assert.True(figures["prompt_tokens_cached_total"] > 0 && figures["reasoning_tokens_total"] > 0 && figures["grammar_mask_seconds_count"] > 0
            && figures["grammar_compile_seconds_count"] == 1);
    }

    [Fact]
    public async Task The_same_is_measured_under_the_names_of_OpenTelemetry()
    {
        var measured = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "GptOss")
                self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) => measured.AddOrUpdate(instrument.Name, 1, (_, n) => n + 1));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => measured.AddOrUpdate(
            $"{instrument.Name} {tags.ToArray().Single(tag => tag.Key == "gen_ai.token.type").Value}", value, (_, sum) => sum + value));
        listener.Start();
        await using RunningServer server = await StartAsync();
        await PostAsync(server, "");
        for (int i = 0; i < 3000 && !measured.ContainsKey("gen_ai.client.token.usage output"); i++)
            await Task.Delay(10, Cancellation);                          // the request is over shortly after its answer has been read
        foreach (string name in (string[])["gen_ai.server.request.duration", "gen_ai.server.time_to_first_token",
            "gen_ai.server.time_per_output_token", "gen_ai.client.token.usage input", "gen_ai.client.token.usage output"])
        {
            Assert.True(measured.GetValueOrDefault(name) > 0, name);
        }
    }

    private static string With(string more, int tokens) =>
        Question.Replace("MORE", more, StringComparison.Ordinal)
            .Replace("80", tokens.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static async Task PostAsync(RunningServer server, string more)
    {
        Answer answer = await server.PostAsync(Chat, With(more, 80), Cancellation);
        Assert.True(answer.Code == 200, answer.Text);
    }

    private static async Task IgnoredAsync(Task request)
    {
        try
        {
            await request;
        }
        catch (OperationCanceledException)
        {
            // Its client left, as it was meant to.
        }
    }

    private static async Task<Dictionary<string, double>> WhenAsync(RunningServer server, Func<Dictionary<string, double>, bool> isReached)
    {
        for (int i = 0; i < 3000; i++)
        {
            Dictionary<string, double> figures = await FiguresAsync(server);
            if (isReached(figures))
                return figures;
            await Task.Delay(10, Cancellation);
        }

        throw new TimeoutException();
    }

    private static async Task HasAsync(RunningServer server, params string[] lines)
    {
        string text = (await server.GetAsync("/metrics", Cancellation)).Text;
        Assert.All(lines, line => Assert.Contains($"\ngptoss_{line}\n", text, StringComparison.Ordinal));
    }

    // Sums over the labels, by the name without its prefix.
    private static async Task<Dictionary<string, double>> FiguresAsync(RunningServer server) =>
        (await server.GetAsync("/metrics", Cancellation)).Text.Split('\n').Where(line => line.StartsWith("gptoss_", StringComparison.Ordinal))
            .GroupBy(line => line[7..line.IndexOfAny(['{', ' '])])
            .ToDictionary(lines => lines.Key,
                lines => lines.Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture)));

    // Without the table of items, what names an item is a defect.
    private static async Task BreakAsync(string file)
    {
        await using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
        await connection.OpenAsync(Cancellation);
        await using SqliteCommand drop = connection.CreateCommand();
        drop.CommandText = "DROP TABLE items";
        await drop.ExecuteNonQueryAsync(Cancellation);
    }
}
