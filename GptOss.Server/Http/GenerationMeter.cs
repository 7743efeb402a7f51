using System.Diagnostics;

namespace GptOss.Server.Http;

/// <summary>Measures one request's generation: how long it waited, when its tokens came, what it cost.</summary>
/// <param name="metrics">Where the figures go.</param>
internal sealed class GenerationMeter(ServerMetrics metrics)
{
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
            metrics.FirstToken.Observe(Stopwatch.GetElapsedTime(_begin, now).TotalSeconds);
        }
        else
        {
            metrics.OutputToken.Observe(Stopwatch.GetElapsedTime(_last, now).TotalSeconds);
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
    }
}
