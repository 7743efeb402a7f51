using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace GptOss.Server.Http;

/// <summary>
/// A stream of server-sent events. Whenever nothing was sent for a while a comment goes out, because proxies and clients end connections that
/// are silent: while a request waits, reads a long prompt, or holds text back.
/// </summary>
internal sealed class EventStream : IAsyncDisposable
{
    private readonly HttpResponse _response;
    private readonly TimeSpan _silence;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly CancellationTokenSource _end = new();
    private readonly Task _keepingAlive;
    private long _lastSent;

    private EventStream(HttpResponse response, TimeSpan silence)
    {
        (_response, _silence) = (response, silence);
        _lastSent = Environment.TickCount64;
        _keepingAlive = KeepAliveAsync();
    }

    /// <summary>Answers a request with a stream: its events, and what says that it cannot be finished.</summary>
    /// <param name="context">The request.</param>
    /// <param name="service">The model and what serves it.</param>
    /// <param name="write">Sends the events.</param>
    /// <param name="fail">Sends the end of an answer that failed after the stream had begun; not called where the client has left.</param>
    internal static async Task RunAsync(HttpContext context, ModelService service, Func<EventStream, Task> write,
        Func<EventStream, ApiException, Task> fail)
    {
        await using EventStream stream = await BeginAsync(context, service.Options.KeepAlive);
        try
        {
            await write(stream);
        }
        catch (Exception exception) when (service.Failure(context, exception) is { } failure)
        {
            await fail(stream, failure);
        }
    }

    // Sends the headers and a first comment at once.
    private static async Task<EventStream> BeginAsync(HttpContext context, TimeSpan silence)
    {
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        HttpResponse response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers["x-accel-buffering"] = "no";
        var stream = new EventStream(response, silence);
        await stream.WriteAsync(": ok\n\n");
        return stream;
    }

    /// <summary>One frame without an event name: <c>data: JSON</c>.</summary>
    internal Task SendAsync(JsonObject data) => WriteAsync($"data: {ApiJson.Text(data)}\n\n");

    /// <summary>One named event.</summary>
    internal Task SendAsync(string name, JsonObject data) => WriteAsync($"event: {name}\ndata: {ApiJson.Text(data)}\n\n");

    /// <summary>The frame by which Chat Completions and Completions end.</summary>
    internal Task SendDoneAsync() => WriteAsync("data: [DONE]\n\n");

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _keepingAlive;
        _end.Dispose();
        _writing.Dispose();
    }

    private async Task WriteAsync(string frame)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(frame);
        await _writing.WaitAsync();
        try
        {
            await _response.Body.WriteAsync(bytes, _response.HttpContext.RequestAborted);
            await _response.Body.FlushAsync(_response.HttpContext.RequestAborted);
            Volatile.Write(ref _lastSent, Environment.TickCount64);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task KeepAliveAsync()
    {
        try
        {
            while (true)
            {
                double silent = Environment.TickCount64 - Volatile.Read(ref _lastSent);
                TimeSpan left = _silence - TimeSpan.FromMilliseconds(silent);
                if (left > TimeSpan.Zero)
                    await Task.Delay(left + TimeSpan.FromMilliseconds(1), _end.Token);
                else
                    await WriteAsync(": waiting\n\n");
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The stream has ended, or the client has left: the request's own work notices it too.
        }
    }
}
