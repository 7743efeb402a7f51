using GptOss.Reference.Serving;
using Prometheus;

namespace GptOss.Server.Http;

/// <summary>What <c>/metrics</c> counts. No label's value comes from a request.</summary>
internal sealed class ServerMetrics : IDisposable
{
    private static readonly double[] Seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly string _model;
    private static readonly double[] Short = [1e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.1];
    private readonly Counter.Child _hits, _misses;
    private readonly Histogram.Child _step, _mask;

    internal ServerMetrics(string model)
    {
        _model = model;
        MetricFactory make = Metrics.WithCustomRegistry(_registry);
        Counter Count(string name, string help, params string[] labels) => make.CreateCounter(name, help, ["model", .. labels]);
        Histogram Times(string name, string help, params string[] labels) =>
            make.CreateHistogram(name, help, ["model", .. labels], new HistogramConfiguration { Buckets = Seconds });
        Gauge Level(string name, string help) => make.CreateGauge(name, help, ["model"]);

        Requests = Count("gptoss_requests_total", "Requests answered.", "route", "code");
        Rejected = Count("gptoss_requests_rejected_total", "Requests refused because the queue was full.", "route").WithLabels(model, "all");
        Cancelled = Count("gptoss_requests_cancelled_total", "Requests whose client left.").WithLabels(model);
        Errors = Count("gptoss_errors_total", "Requests that failed by a defect.").WithLabels(model);
        PromptTokens = Count("gptoss_prompt_tokens_total", "Tokens of prompts.").WithLabels(model);
        CachedTokens = Count("gptoss_prompt_tokens_cached_total", "Tokens of prompts that were computed before.").WithLabels(model);
        GeneratedTokens = Count("gptoss_generation_tokens_total", "Tokens sampled.").WithLabels(model);
        ReasoningTokens = Count("gptoss_reasoning_tokens_total", "Tokens of reasoning text.").WithLabels(model);
        Finished = Count("gptoss_answers_total", "Answers by the reason that ended them.", "finish");
        Running = Level("gptoss_requests_running", "Requests being computed.").WithLabels(model);
        Waiting = Level("gptoss_requests_waiting", "Requests waiting for a place.").WithLabels(model);
        BatchSize = Level("gptoss_batch_size", "Sequences in the last step.").WithLabels(model);
        CacheBytes = Level("gptoss_kv_cache_bytes", "Keys and values of running sequences and kept prefixes.").WithLabels(model);
        CacheRatio = Level("gptoss_kv_cache_usage_ratio", "Share of the memory for keys and values in use.").WithLabels(model);
        PrefixBytes = Level("gptoss_prefix_cache_bytes", "Keys and values kept for later requests.").WithLabels(model);
        StoredResponses = Level("gptoss_stored_responses", "Responses kept.").WithLabels(model);
        FirstToken = Times("gptoss_time_to_first_token_seconds", "From the request to its first token.").WithLabels(model);
        OutputToken = Times("gptoss_time_per_output_token_seconds", "Between two tokens of an answer.").WithLabels(model);
        Queue = Times("gptoss_request_queue_seconds", "From the request to its first step.").WithLabels(model);
        Duration = Times("gptoss_request_duration_seconds", "From the request to its end.", "route");
        Histogram.Child compile = Times("gptoss_grammar_compile_seconds", "Compiling a schema that was not kept.").WithLabels(model);
        Schemas = new SchemaCache(taken => compile.Observe(taken.TotalSeconds));
        _hits = Count("gptoss_grammar_cache_hits_total", "Schemas that were compiled before.").WithLabels(model);
        _misses = Count("gptoss_grammar_cache_misses_total", "Schemas that had to be compiled.").WithLabels(model);
        _step = Times("gptoss_step_seconds", "One step of the scheduler: a forward pass and what the answers make of it.").WithLabels(model);
        _mask = make.CreateHistogram("gptoss_grammar_mask_seconds", "Deciding which tokens a turn's rules and schema allow next.", ["model"],
            new HistogramConfiguration { Buckets = Short }).WithLabels(model);
        GenAi = new GenAiMeter(model);
    }

    /// <summary>Compiled schemas, with how often and how long.</summary>
    internal SchemaCache Schemas { get; }

    internal Counter.Child Rejected { get; }

    internal Counter.Child Cancelled { get; }

    internal Counter.Child Errors { get; }

    internal Counter.Child PromptTokens { get; }

    internal Counter.Child CachedTokens { get; }

    internal Counter.Child GeneratedTokens { get; }

    internal Counter.Child ReasoningTokens { get; }

    internal Gauge.Child Running { get; }

    internal Gauge.Child Waiting { get; }

    internal Gauge.Child BatchSize { get; }

    internal Gauge.Child CacheBytes { get; }

    internal Gauge.Child CacheRatio { get; }

    internal Gauge.Child PrefixBytes { get; }

    internal Gauge.Child StoredResponses { get; }

    internal Histogram.Child FirstToken { get; }

    internal Histogram.Child OutputToken { get; }

    internal Histogram.Child Queue { get; }

    /// <summary>The same under OpenTelemetry's names.</summary>
    internal GenAiMeter GenAi { get; }

    private Counter Requests { get; }

    private Counter Finished { get; }

    private Histogram Duration { get; }

    internal void Answered(string route, int code, double seconds)
    {
        Requests.WithLabels(_model, route, code.ToString(System.Globalization.CultureInfo.InvariantCulture)).Inc();
        Duration.WithLabels(_model, route).Observe(seconds);
    }

    internal void Ended(string finish) => Finished.WithLabels(_model, finish).Inc();

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
}
