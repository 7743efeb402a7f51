using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server;

namespace GptOss.Reference.Tests.Server;

/// <summary>A whole server with the toy on a free port of this machine, and a client of it.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    internal static readonly ServerOptions Dated = new() { Date = new DateOnly(2026, 11, 24) };

    private readonly HttpClient _client;

    private RunningServer(GptOssApplication application, ServedModel model)
    {
        (Application, Model) = (application, model);
        _client = new HttpClient { BaseAddress = new Uri(application.Url), Timeout = TimeSpan.FromMinutes(5) };
    }

    internal GptOssApplication Application { get; }

    internal ServedModel Model { get; }

    internal HttpClient Client => _client;

    internal static async Task<RunningServer> StartAsync(ServerOptions? options = null, SchedulerOptions? scheduling = null, params ITool[] tools)
    {
        var host = new ServedModelHost(TestData.Tiny, null, scheduling);
        GptOssApplication application = await GptOssApplication.StartAsync(host, "127.0.0.1", 0, options ?? Dated, tools);
        await application.WhenReadyAsync();
        return new RunningServer(application, await host.Loaded);
    }

    internal Task<Answer> PostAsync(string path, string body, CancellationToken cancellation) =>
        PostAsync(path, Encoding.UTF8.GetBytes(body), cancellation);

    internal async Task<Answer> PostAsync(string path, byte[] body, CancellationToken cancellation)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await SendAsync(new HttpRequestMessage(HttpMethod.Post, path) { Content = content }, cancellation);
    }

    internal Task<Answer> GetAsync(string path, CancellationToken cancellation) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellation);

    internal async Task<Answer> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using (request)
        {
            using HttpResponseMessage response = await _client.SendAsync(request, cancellation);
            return new Answer(response.StatusCode, await response.Content.ReadAsStringAsync(cancellation), response.Headers);
        }
    }

    /// <summary>How many requests failed by a defect, as <c>/metrics</c> counts them.</summary>
    internal async Task<double> DefectsAsync(CancellationToken cancellation)
    {
        string[] lines = [.. (await GetAsync("/metrics", cancellation)).Text.Split('\n')
            .Where(line => line.StartsWith("gptoss_errors_total{", StringComparison.Ordinal))];
        return lines.Length > 0 ? lines.Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture))
            : throw new InvalidOperationException("There is no gptoss_errors_total.");
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Application.DisposeAsync();
    }

    /// <summary>What came back.</summary>
    internal sealed record Answer(HttpStatusCode Status, string Text, HttpResponseHeaders Headers)
    {
        internal int Code => (int)Status;

        internal JsonElement Json => JsonElement.Parse(Text, new JsonDocumentOptions { MaxDepth = 300 });

        /// <summary>The code of an error answer; throws if it has another shape.</summary>
        internal string ErrorCode
        {
            get
            {
                JsonElement error = Json.GetProperty("error");
                if (error.EnumerateObject().Count() != 4 || error.GetProperty("message").GetString() is not { Length: > 0 }
                    || error.GetProperty("type").GetString() is not { Length: > 0 }
                    || error.GetProperty("param").ValueKind is not (JsonValueKind.Null or JsonValueKind.String))
                {
                    throw new InvalidOperationException($"Not the shape of an error: {Text}");
                }

                return error.GetProperty("code").GetString()!;
            }
        }

        internal string Header(string name) => Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(",", values) : "";
    }
}
