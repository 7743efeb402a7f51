using System.Diagnostics;

namespace GptOss.Server.Http;

/// <summary>Measures one request's generation: how long it waited, when its tokens came, what it cost.</summary>
/// <param name="metrics">Where the figures go.</param>
/// <param name="operation">What it is, in OpenTelemetry's words: <c>chat</c> or <c>text_completion</c>.</param>
internal sealed class GenerationMeter(ServerMetrics metrics, string operation)
{
    private readonly KeyValuePair<string, object?> _operation = GenAiMeter.Operation(operation);
    private readonly long _begin = Stopwatch.GetTimestamp();
    private long _last;

    /// <summary>A token came.</summary>
    /// <param name="queueTime">How long the request waited for a place.</param>
    internal void Token(TimeSpan queueTime)
    {
        long now = Stopwatch.GetTimestamp();
        if (_last == 0)
        {
            metrics.Queue.Observe(queueTime.TotalSeconds);
            double first = Stopwatch.GetElapsedTime(_begin, now).TotalSeconds;
            metrics.FirstToken.Observe(first);
            metrics.GenAi.FirstToken(_operation, first);
        }
        else
        {
            double between = Stopwatch.GetElapsedTime(_last, now).TotalSeconds;
            metrics.OutputToken.Observe(between);
            metrics.GenAi.OutputToken(_operation, between);
        }

        _last = now;
    }

    /// <summary>The generation ended, or its client left.</summary>
    internal void End(TokenUsage usage)
    {
        metrics.PromptTokens.Inc(usage.Prompt);
        metrics.CachedTokens.Inc(usage.Cached);
        metrics.GeneratedTokens.Inc(usage.Completion);
        metrics.ReasoningTokens.Inc(usage.Reasoning);
        metrics.GenAi.Ended(_operation, Stopwatch.GetElapsedTime(_begin).TotalSeconds, usage);
    }
}
