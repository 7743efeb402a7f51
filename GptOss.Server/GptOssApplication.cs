using System.Diagnostics;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;

namespace GptOss.Server;

/// <summary>A whole server: Kestrel, the routes, the model loaded behind them, a graceful end.</summary>
public sealed class GptOssApplication : IAsyncDisposable
{
    private readonly WebApplication _web;
    private readonly ModelService _service;
    private readonly ServedModelHost _model;
    private readonly IDisposable _refusals;

    private GptOssApplication(WebApplication web, ModelService service, ServedModelHost model, IDisposable refusals) =>
        (_web, _service, _model, _refusals) = (web, service, model, refusals);

    /// <summary>Where it listens, such as <c>http://127.0.0.1:8000</c>.</summary>
    public string Url => _web.Urls.First();

    /// <summary>Starts listening at once and loads the model behind; <c>/ready</c> is 200 once it serves.</summary>
    /// <param name="model">The model; its id follows from its name.</param>
    /// <param name="host">An address or a name to listen on.</param>
    /// <param name="port">A port; 0 for any that is free.</param>
    /// <param name="options">What the server does.</param>
    /// <param name="tools">Tools of its own that requests may ask for.</param>
    /// <exception cref="ServerOptionsException">The address cannot be listened on.</exception>
    public static async Task<GptOssApplication> StartAsync(ServedModelHost model, string host, int port, ServerOptions options,
        IReadOnlyList<ITool> tools)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(options);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options));
        builder.WebHost.UseUrls($"http://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host.Trim('[', ']')}]" : host)}:{port}");
        // Container images set a port for programs that state none; this one does, so there is nothing to warn of.
        builder.WebHost.UseSetting(WebHostDefaults.HttpPortsKey, "").UseSetting(WebHostDefaults.HttpsPortsKey, "");
        // Standard output belongs to the program that starts the server; what it logs is no output.
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        // Every error of a request is answered and logged by our own handler, and one at the start is thrown; what Kestrel says of clients that break
        // off is noise.
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Critical)
            .AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        builder.Services.Configure<HostOptions>(hosting => hosting.ShutdownTimeout = options.Grace + TimeSpan.FromSeconds(2));
        WebApplication web = builder.Build();
        var service = new ModelService(model.Name, model.Loaded, options, tools,
            web.Services.GetRequiredService<ILoggerFactory>().CreateLogger(ModelService.LogCategory));
        var api = new GptOssApi(service);
        web.Run(api.HandleAsync);
        var application = new GptOssApplication(web, service, model,
            new RefusedHttp(service.Metrics.Refused).ListenTo(web.Services.GetRequiredService<DiagnosticListener>()));
        try
        {
            await web.StartAsync();
        }
        catch (Exception exception) when (exception is IOException or System.Net.Sockets.SocketException or FormatException
            or InvalidOperationException)
        {
            await application.DisposeAsync();
            throw new ServerOptionsException($"Cannot listen on {host}:{port}: {exception.Message}");
        }

        await model.StartAsync(CancellationToken.None);
        return application;
    }

    /// <summary>Completes when the model is loaded.</summary>
    /// <exception cref="Reference.Ground.CheckpointFormatException">The files are not a gpt-oss checkpoint.</exception>
    public Task WhenReadyAsync() => _service.WhenReadyAsync();

    /// <summary>Takes no new request, lets the running ones go on for the grace period, then ends them as errors.</summary>
    /// <param name="atOnce">Ends the grace period early.</param>
    public async Task EndAsync(CancellationToken atOnce)
    {
        _service.BeginToEnd();
        try
        {
            await _service.IdleAsync().WaitAsync(_service.Options.Grace, atOnce);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            // What still runs is cut off: its streams end as errors.
        }

        await _model.DisposeAsync();
        await _web.StopAsync(CancellationToken.None);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _model.DisposeAsync();
        await _web.DisposeAsync();
        _refusals.Dispose();
        _service.Dispose();
    }

    private static void Configure(KestrelServerOptions kestrel, ServerOptions options)
    {
        RefusedHttp.Prepare(kestrel);
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = null;                    // counted after decompression instead
        kestrel.Limits.RequestHeadersTimeout = options.BodyTimeout;
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
    }
}
