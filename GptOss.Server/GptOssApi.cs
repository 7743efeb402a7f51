using System.Diagnostics;
using GptOss.Server.Chat;
using GptOss.Server.Completions;
using GptOss.Server.Http;
using GptOss.Server.Responses;

namespace GptOss.Server;

/// <summary>Every route of the server behind one handler: keys, origins, errors and ids are the same for all.</summary>
internal sealed class GptOssApi
{
    /// <summary>The routes that generate text.</summary>
    internal static readonly string[] Generating = ["/v1/chat/completions", "/v1/completions", "/v1/responses"];

    private readonly ModelService _service;
    private readonly Router _router = new();

    internal GptOssApi(ModelService service)
    {
        _service = service;
        var models = new ModelsEndpoint(service);
        var responses = new ResponsesEndpoint(service);
        _router.Add("GET", "/", new PageEndpoint().HandleAsync);
        _router.Add("GET", "/health", ModelsEndpoint.HealthAsync);
        _router.Add("GET", "/ready", models.ReadyAsync);
        _router.Add("GET", "/metrics", models.MetricsAsync);
        _router.Add("GET", "/v1/models", models.ListAsync);
        _router.Add("GET", "/v1/models/{id}", models.GetAsync);
        _router.Add("POST", "/v1/chat/completions", new ChatEndpoint(service).HandleAsync);
        _router.Add("POST", "/v1/completions", new CompletionsEndpoint(service).HandleAsync);
        _router.Add("POST", "/v1/responses", responses.CreateAsync);
        _router.Add("GET", "/v1/responses/{id}", responses.GetAsync);
        _router.Add("DELETE", "/v1/responses/{id}", responses.DeleteAsync);
        _router.Add("GET", "/v1/responses/{id}/input_items", responses.InputItemsAsync);
    }

    /// <summary>Answers one request, whatever it is.</summary>
    internal async Task HandleAsync(HttpContext context)
    {
        long begin = Stopwatch.GetTimestamp();
        context.TraceIdentifier = Ids.New("req_");
        context.Response.Headers["x-request-id"] = context.TraceIdentifier;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.OnStarting(() =>
        {
            if (context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) != true)
            {
                context.Response.Headers["openai-processing-ms"] =
                    ((long)Stopwatch.GetElapsedTime(begin).TotalMilliseconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
            }
            return Task.CompletedTask;
        });

        await using Timer late = _service.WarnLate(context);
        try
        {
            await DispatchAsync(context);
        }
        catch (Exception exception)
        {
            await FailAsync(context, exception);
        }
        finally
        {
            _service.Metrics.Answered(ModelService.Route(context), context.RequestAborted.IsCancellationRequested ? 499 : context.Response.StatusCode,
                Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }
    }

    private async Task DispatchAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/", method = context.Request.Method;
        _service.Origins.Apply(context, _service.Keys.AreRequired);
        Origins.RequireLoopbackHost(context, _service.Keys.AreRequired);
        if (HttpMethods.IsOptions(method))
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        // Before the route is looked up, so that a stranger does not learn which routes there are.
        if (path.StartsWith("/v1", StringComparison.Ordinal) || path.StartsWith("/metrics", StringComparison.Ordinal))
            context.Items[ModelService.OwnerItem] = _service.Keys.Owner(context.Request);
        (Handler handler, string id, string pattern) = _router.Find(method, path);
        context.Items[ModelService.RouteItem] = pattern;
        await handler(context, id);
    }

    private async Task FailAsync(HttpContext context, Exception exception)
    {
        if (_service.Failure(context, exception) is not { } failure)
        {
            _service.Metrics.Cancelled(ModelService.Route(context));       // the client has left, so nothing is answered
            return;
        }

        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        // The rest of a body that came too slowly is not waited for.
        if (failure.Status == StatusCodes.Status408RequestTimeout)
            context.Response.Headers.Connection = "close";
        if (failure.Allow is { } allow)
            context.Response.Headers.Allow = allow;
        if (failure.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = "Bearer";
        if (failure.RetryAfterSeconds is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
            context.Response.Headers["x-should-retry"] = "true";
        }

        await Answers.SendAsync(context, Answers.Error(failure), failure.Status);
    }
}
