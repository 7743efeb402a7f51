using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Reference.Tokens;
using GptOss.Server.Completions;
using GptOss.Server.Http;
using GptOss.Server.Requests;
using GptOss.Server.Responses;

namespace GptOss.Server;

/// <summary>The model behind the routes: what is loaded, what is allowed, and how a request becomes a running turn.</summary>
internal sealed partial class ModelService : IDisposable
{
    /// <summary>Where a request's owner is among the items of its context.</summary>
    internal const string OwnerItem = "gptoss.owner";

    /// <summary>Where a request's route is among the items of its context.</summary>
    internal const string RouteItem = "gptoss.route";

    /// <summary>What the log's lines are of.</summary>
    internal const string LogCategory = "GptOss.Server";

    private readonly IReadOnlyList<ITool> _tools;
    private readonly ILogger _log;
    private readonly Task<LoadedModel> _loaded;
    private volatile bool _isEnding;

    /// <param name="model">The model as the user named it; its id follows from that.</param>
    /// <param name="loading">The model, once it is loaded. It stays the caller's.</param>
    /// <param name="options">What the server does.</param>
    /// <param name="tools">Tools of its own that requests may ask for.</param>
    /// <param name="log">Where defects are told.</param>
    internal ModelService(string model, Task<ServedModel> loading, ServerOptions options, IReadOnlyList<ITool> tools, ILogger log)
    {
        (Options, _tools, _log) = (options, tools, log);
        Names = new ModelNames(model, options.AnyModel);
        Keys = new ApiKeys(options.ApiKeys);
        Origins = new Origins(options.CorsOrigins);
        Metrics = new ServerMetrics(Names.Id, GptOssApi.Generating);
        _loaded = LoadAsync(loading);
        Store = options.StoreFile is { } file ? new SqliteStore(file, options.StoredResponses, TimeProvider.System)
            : new MemoryStore(options.StoredResponses, options.StoredBytes, TimeSpan.FromHours(24), TimeProvider.System);
    }

    internal ServerOptions Options { get; }

    /// <summary>When the log warns of a request without an answer. Node's clients give up after 300 s.</summary>
    internal TimeSpan LateAfter { get; init; } = TimeSpan.FromSeconds(240);

    internal ModelNames Names { get; }

    internal ApiKeys Keys { get; }

    internal Origins Origins { get; }

    internal ServerMetrics Metrics { get; }

    internal IResponseStore Store { get; }

    internal string ModelId => Names.Id;

    internal int Vocabulary => Loaded.Served.Scheduler.Model.Config.VocabSize;

    internal Tokenizer Tokenizer => Loaded.Served.Tokenizer;

    internal IReadOnlySet<int> StopTokens => Loaded.Served.StopTokens;

    internal string Fingerprint => Loaded.Served.Fingerprint;

    internal IReadOnlyList<string> ReasoningFields => Options.ReasoningFields;

    internal LogProbabilityJson LogProbabilities => Loaded.LogProbabilities;

    private LoadedModel Loaded =>
        _loaded.IsFaulted ? throw new InvalidOperationException("The model could not be loaded.", _loaded.Exception.InnerException)
        : _loaded.IsCompletedSuccessfully ? _loaded.Result : throw NotReady();

    /// <summary>The owner of a request: its key's name.</summary>
    internal static string Owner(HttpContext context) => (string?)context.Items[OwnerItem] ?? "";

    /// <summary>The route that a request's path was found by.</summary>
    internal static string Route(HttpContext context) => (string?)context.Items[RouteItem] ?? "none";

    /// <summary>Completes when requests are answered; fails as loading does.</summary>
    internal Task WhenReadyAsync() => _loaded;

    /// <summary>Completes when no request runs or waits.</summary>
    internal async Task IdleAsync()
    {
        while (_loaded.IsCompletedSuccessfully && Loaded.Served.Scheduler.State is { Running: > 0 } or { Waiting: > 0 })
            await Task.Delay(20);
    }

    /// <summary>No new request is taken; running ones go on.</summary>
    internal void BeginToEnd() => _isEnding = true;

    /// <exception cref="ApiException">The model is loading, or the server is ending.</exception>
    /// <exception cref="InvalidOperationException">A defect has ended the scheduler.</exception>
    internal void RequireReady()
    {
        if (_isEnding)
            throw ShuttingDown();
        try
        {
            Loaded.Served.Scheduler.RequireRunning();
        }
        catch (ObjectDisposedException)
        {
            throw ShuttingDown();
        }
    }

    internal void RequireModel(Field? model) => Names.Require(model);

    internal async Task<JsonDocument> ReadBodyAsync(HttpContext context)
    {
        RequireReady();
        return await RequestBody.ReadAsync(context, Options.MaxBodyBytes, Options.BodyTimeout);
    }

    /// <summary>Whether the server itself has a built-in tool that requests call by this type.</summary>
    internal bool HasBuiltIn(string type) => ToolOf(type) is not null;

    /// <summary>The server's own tool that a call is for, if the request asked for it; null for the client's functions.</summary>
    internal ITool? BuiltInTool(string recipient, ResponsesRequest request) =>
        request.Turn.Tools.BuiltIn.Select(ToolOf).FirstOrDefault(tool => tool?.IsFor(recipient) == true);

    /// <summary>Answers a call; whatever goes wrong is an answer to the model.</summary>
    internal static async Task<IReadOnlyList<ToolAnswer>> InvokeAsync(ITool tool, Message call, CancellationToken cancellation)
    {
        try
        {
            return await tool.InvokeAsync(call.Recipient!, call.Text, cancellation);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return [new ToolAnswer(call.Recipient!, $"The tool {call.Recipient} failed: {exception.Message}")];
        }
    }

    /// <summary>Starts a turn.</summary>
    /// <exception cref="ApiException">The prompt does not fit, the queue is full, or a schema or a budget cannot be kept.</exception>
    internal TurnRun Start(HttpContext context, TurnRequest request)
    {
        RequireReady();
        IReadOnlyList<ITool> tools = [.. request.Tools.BuiltIn.Select(ToolOf).OfType<ITool>().Distinct()];
        try
        {
            ComposedTurn composed = Loaded.Composer.Compose(request.Turn with { Tools = tools });
            return new TurnRun(Submit(context, request, composed), Tokenizer, request, Metrics, Route(context));
        }
        catch (TurnSchemaException exception)
        {
            string? param = exception.Function is { } function ? $"{request.Tools.PathOf(function.Recipient)}.parameters" : request.FormatPath;
            throw new ApiException(400, "invalid_json_schema", exception.Message, param);
        }
        catch (BudgetException exception)
        {
            bool isAsked = request.MaxTokens <= exception.Allowed;                               // else it is the context that has no more room
            throw new ApiException(400, isAsked ? "invalid_value" : "context_length_exceeded",
                $"close_on_budget: {exception.Message}", isAsked ? request.MaxTokensPath : request.PromptParam);
        }
    }

    /// <summary>Starts a turn; whole oldest turns are left out until it fits, if that is allowed.</summary>
    internal TurnRun StartFitting(HttpContext context, ref TurnRequest request, bool isTruncated)
    {
        while (true)
        {
            try
            {
                return Start(context, request);
            }
            catch (ApiException exception) when (isTruncated && exception.Code == "context_length_exceeded")
            {
                IReadOnlyList<Message> messages = request.Turn.Messages;
                int next = messages.Skip(1).TakeWhile(message => message.Role != Role.User).Count() + 1;
                if (next >= messages.Count)
                    throw;
                request = request with { Turn = request.Turn with { Messages = [.. messages.Skip(next)] } };
            }
        }
    }

    /// <summary>Submits a prompt of any kind.</summary>
    internal ServedGeneration Submit(HttpContext context, ServingRequest request, string promptParam)
    {
        if (request.Choices > Loaded.Served.Scheduler.MostChoices)
            throw ApiException.Invalid("n", $"n is {request.Choices}; this server generates {Loaded.Served.Scheduler.MostChoices} answers at once.");
        try
        {
            return Loaded.Served.Scheduler.Submit(request, context.RequestAborted);
        }
        catch (PromptException exception)
        {
            throw new ApiException(400, "context_length_exceeded", exception.Message, promptParam);
        }
        catch (QueueFullException exception)
        {
            throw new ApiException(429, "rate_limit_exceeded", exception.Message) { RetryAfterSeconds = exception.RetryAfterSeconds };
        }
        catch (ObjectDisposedException)
        {
            throw ShuttingDown();
        }
    }

    /// <summary>Log-probabilities of a prompt's own tokens but the first, for an echo.</summary>
    internal Task<IReadOnlyList<LogProbabilities>> PromptLogProbabilitiesAsync(int[] prompt, int top, CancellationToken cancellation) =>
        Task.Run(() => PromptScores.Of(Loaded.Served.Scheduler.Model, prompt, top, cancellation), cancellation);

    /// <summary>What an exception means to the client; null if the client has left.</summary>
    internal ApiException? Failure(HttpContext context, Exception exception)
    {
        if (context.RequestAborted.IsCancellationRequested)
            return null;
        switch (exception)
        {
            case ApiException api:
                if (api.RetryAfterSeconds is not null && HttpMethods.IsPost(context.Request.Method))
                    Metrics.Rejected(Route(context), api.Code);
                return api;
            case BadHttpRequestException bad:
                return RefusedHttp.Failure(bad);
            case OperationCanceledException:
                return new ApiException(503, "shutting_down", "The server ended before the answer did.") { RetryAfterSeconds = 5 };
            default:
                Metrics.Failed(Route(context));
                LogDefect(exception, context.TraceIdentifier);
                return new ApiException(500, "internal_error", "The server failed. Its log says more under the request's id.");
        }
    }

    /// <summary>Says in the log that a request has no answer yet, some time before its client will have given up.</summary>
    internal Timer WarnLate(HttpContext context)
    {
        string id = context.TraceIdentifier, path = context.Request.Path;
        return new Timer(_ =>
        {
            if (!context.Response.HasStarted)
                LogLate(id, path, (int)LateAfter.TotalSeconds);
        }, null, LateAfter, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Brings the gauges up to date.</summary>
    internal void Measure()
    {
        Metrics.StoredResponses.Set(Store.Count);
        Metrics.MeasureSchemas();
        if (!_loaded.IsCompletedSuccessfully)
            return;
        SchedulerState state = Loaded.Served.Scheduler.State;
        Metrics.Running.Set(state.Running);
        Metrics.Waiting.Set(state.Waiting);
        Metrics.BatchSize.Set(state.BatchSize);
        Metrics.CacheBytes.Set(state.CacheBytes);
        Metrics.CacheRatio.Set(state.CacheRatio);
        Metrics.PrefixBytes.Set(state.PrefixBytes);
    }

    public void Dispose()
    {
        BeginToEnd();
        if (_loaded.IsCompletedSuccessfully)
            Loaded.Served.Scheduler.StepTaken -= Metrics.StepTaken;
        Metrics.Dispose();
        Store.Dispose();
    }

    private async Task<LoadedModel> LoadAsync(Task<ServedModel> loading)
    {
        ServedModel served = await loading;
        served.Scheduler.StepTaken += Metrics.StepTaken;
        return new LoadedModel(served, Options.Date, Metrics.Schemas);
    }

    [LoggerMessage(LogLevel.Error, "Request {RequestId} failed.")]
    private partial void LogDefect(Exception exception, string requestId);

    [LoggerMessage(LogLevel.Warning,
        "Request {RequestId} to {Path} has no answer after {Seconds} s; its client may give up soon. Streaming avoids that.")]
    private partial void LogLate(string requestId, string path, int seconds);

    private static ApiException ShuttingDown() => new(503, "shutting_down", "The server is shutting down.") { RetryAfterSeconds = 5 };

    private static ApiException NotReady() => new(503, "model_loading", "The model is still being loaded.") { RetryAfterSeconds = 2 };

    private ServedGeneration Submit(HttpContext context, TurnRequest turn, ComposedTurn composed) => Submit(context, new ServingRequest
    {
        Prompt = composed.Prompt,
        Sampling = turn.Sampling,
        Penalties = turn.Penalties,
        MaxTokens = turn.MaxTokens ?? int.MaxValue,
        StopTokens = StopTokens,
        Constraint = new MeasuredConstraint(composed.Constraint, Metrics.MaskFilled),
        CloseOnBudget = turn.CloseOnBudget,
        Choices = turn.Choices,
        TopLogProbabilities = turn.TopLogProbabilities,
        Owner = Owner(context),
    }, turn.PromptParam);

    private ITool? ToolOf(string type)
    {
        string space = type == "code_interpreter" ? "python" : "browser";
        return _tools.FirstOrDefault(tool => tool.Declaration.Name == space);
    }
}
