using GptOss.Reference.Serving;
using Prometheus;

namespace GptOss.Server.Http;

/// <summary>
/// What <c>/metrics</c> counts. No label's value comes from a request: a route is the pattern that a path was found by, or <c>none</c>.
/// </summary>
internal sealed class ServerMetrics : IDisposable
{
    private static readonly double[] Seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly string _model;
    private static readonly double[] Short = [1e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.1];
    private static readonly string[] Reasons = ["rate_limit_exceeded", "model_loading", "shutting_down"];
    private readonly Counter _requests, _rejected, _cancelled, _errors, _promptTokens, _cachedTokens, _generatedTokens, _reasoningTokens, _finished;
    private readonly Histogram _firstToken, _outputToken, _queue, _duration;
    private readonly Counter.Child _hits, _misses;
    private readonly Histogram.Child _step, _mask;

    /// <param name="model">The served model's id.</param>
    /// <param name="generating">Routes that generate text: their figures are there, at zero, before the first request.</param>
    internal ServerMetrics(string model, IEnumerable<string> generating)
    {
        _model = model;
        MetricFactory make = Metrics.WithCustomRegistry(_registry);
        Counter Count(string name, string help, params string[] labels) => make.CreateCounter(name, help, ["model", .. labels]);
        Histogram Times(string name, string help, params string[] labels) =>
            make.CreateHistogram(name, help, ["model", .. labels], new HistogramConfiguration { Buckets = Seconds });
        Gauge Level(string name, string help) => make.CreateGauge(name, help, ["model"]);

        _requests = Count("gptoss_requests_total", "Requests answered.", "route", "code");
        _rejected = Count("gptoss_requests_rejected_total", "Requests refused because the queue was full, or the model loading or ending.",
            "route", "reason");
        _cancelled = Count("gptoss_requests_cancelled_total", "Requests whose client left.", "route");
        _errors = Count("gptoss_errors_total", "Requests that failed by a defect.", "route");
        _promptTokens = Count("gptoss_prompt_tokens_total", "Tokens of prompts.", "route");
        _cachedTokens = Count("gptoss_prompt_tokens_cached_total", "Tokens of prompts that were computed before.", "route");
        _generatedTokens = Count("gptoss_generation_tokens_total", "Tokens sampled.", "route");
        _reasoningTokens = Count("gptoss_reasoning_tokens_total", "Tokens of reasoning text.", "route");
        _finished = Count("gptoss_answers_total", "Answers by the reason that ended them.", "route", "finish");
        Running = Level("gptoss_requests_running", "Requests being computed.").WithLabels(model);
        Waiting = Level("gptoss_requests_waiting", "Requests waiting for a place.").WithLabels(model);
        BatchSize = Level("gptoss_batch_size", "Sequences in the last step.").WithLabels(model);
        CacheBytes = Level("gptoss_kv_cache_bytes", "Keys and values of running sequences and kept prefixes.").WithLabels(model);
        CacheRatio = Level("gptoss_kv_cache_usage_ratio", "Share of the memory for keys and values in use.").WithLabels(model);
        PrefixBytes = Level("gptoss_prefix_cache_bytes", "Keys and values kept for later requests.").WithLabels(model);
        StoredResponses = Level("gptoss_stored_responses", "Responses kept.").WithLabels(model);
        _firstToken = Times("gptoss_time_to_first_token_seconds", "From the request to its first token.", "route");
        _outputToken = Times("gptoss_time_per_output_token_seconds", "Between two tokens of an answer.", "route");
        _queue = Times("gptoss_request_queue_seconds", "From the request to its first step.", "route");
        _duration = Times("gptoss_request_duration_seconds", "From the request to its end.", "route");
        Histogram.Child compile = Times("gptoss_grammar_compile_seconds", "Compiling a schema that was not kept.").WithLabels(model);
        Schemas = new SchemaCache(taken => compile.Observe(taken.TotalSeconds));
        _hits = Count("gptoss_grammar_cache_hits_total", "Schemas that were compiled before.").WithLabels(model);
        _misses = Count("gptoss_grammar_cache_misses_total", "Schemas that had to be compiled.").WithLabels(model);
        _step = Times("gptoss_step_seconds", "One step of the scheduler: a forward pass and what the answers make of it.").WithLabels(model);
        _mask = make.CreateHistogram("gptoss_grammar_mask_seconds", "Deciding which tokens a turn's rules and schema allow next.", ["model"],
            new HistogramConfiguration { Buckets = Short }).WithLabels(model);
        GenAi = new GenAiMeter(model);
        foreach (string route in generating)
            Begin(route);
    }

    /// <summary>Compiled schemas, with how often and how long.</summary>
    internal SchemaCache Schemas { get; }

    internal Gauge.Child Running { get; }

    internal Gauge.Child Waiting { get; }

    internal Gauge.Child BatchSize { get; }

    internal Gauge.Child CacheBytes { get; }

    internal Gauge.Child CacheRatio { get; }

    internal Gauge.Child PrefixBytes { get; }

    internal Gauge.Child StoredResponses { get; }

    /// <summary>The same under OpenTelemetry's names.</summary>
    internal GenAiMeter GenAi { get; }

    internal void Answered(string route, int code, double seconds)
    {
        _requests.WithLabels(_model, route, Code(code)).Inc();
        _duration.WithLabels(_model, route).Observe(seconds);
    }

    /// <summary>A request was refused before anything was known of it.</summary>
    internal void Refused(int code) => _requests.WithLabels(_model, "none", Code(code)).Inc();

    /// <summary>A request was refused that would have been taken at another time.</summary>
    /// <param name="route">Which.</param>
    /// <param name="reason">The code of its error.</param>
    internal void Rejected(string route, string reason) => _rejected.WithLabels(_model, route, reason).Inc();

    internal void Cancelled(string route) => _cancelled.WithLabels(_model, route).Inc();

    internal void Failed(string route) => _errors.WithLabels(_model, route).Inc();

    /// <summary>A request's first token came.</summary>
    internal void FirstToken(string route, double queued, double seconds)
    {
        _queue.WithLabels(_model, route).Observe(queued);
        _firstToken.WithLabels(_model, route).Observe(seconds);
    }

    internal void OutputToken(string route, double seconds) => _outputToken.WithLabels(_model, route).Observe(seconds);

    internal void Used(string route, TokenUsage usage)
    {
        _promptTokens.WithLabels(_model, route).Inc(usage.Prompt);
        _cachedTokens.WithLabels(_model, route).Inc(usage.Cached);
        _generatedTokens.WithLabels(_model, route).Inc(usage.Completion);
        _reasoningTokens.WithLabels(_model, route).Inc(usage.Reasoning);
    }

    internal void Ended(string route, bool isCut) => _finished.WithLabels(_model, route, isCut ? "length" : "stop").Inc();

    internal void StepTaken(TimeSpan taken, int sequences) => _step.Observe(taken.TotalSeconds);

    internal void MaskFilled(TimeSpan taken) => _mask.Observe(taken.TotalSeconds);

    /// <summary>Brings the figures of the schemas up to date.</summary>
    internal void MeasureSchemas()
    {
        _hits.IncTo(Schemas.Hits);
        _misses.IncTo(Schemas.Misses);
    }

    public void Dispose() => GenAi.Dispose();

    internal Task WriteAsync(Stream stream, CancellationToken cancellation) => _registry.CollectAndExportAsTextAsync(stream, cancellation);

    private static string Code(int status) => status.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private void Begin(string route)
    {
        foreach (Counter counter in (Counter[])[_cancelled, _errors, _promptTokens, _cachedTokens, _generatedTokens, _reasoningTokens])
            counter.WithLabels(_model, route);
        foreach (Histogram times in (Histogram[])[_firstToken, _outputToken, _queue, _duration])
            times.WithLabels(_model, route);
        foreach (string finish in (string[])["stop", "length"])
            _finished.WithLabels(_model, route, finish);
        foreach (string reason in Reasons)
            _rejected.WithLabels(_model, route, reason);
    }
}
