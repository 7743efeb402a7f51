using System.Diagnostics;

namespace GptOss.Server.Http;

/// <summary>Measures one request's generation: how long it waited, when its tokens came, what it cost.</summary>
/// <param name="metrics">Where the figures go.</param>
/// <param name="route">The request's route.</param>
/// <param name="operation">What it is, in OpenTelemetry's words: <c>chat</c> or <c>text_completion</c>.</param>
/// <param name="answers">How many answers it has.</param>
internal sealed class GenerationMeter(ServerMetrics metrics, string route, string operation, int answers)
{
    private readonly KeyValuePair<string, object?> _operation = GenAiMeter.Operation(operation);
    private readonly long _begin = Stopwatch.GetTimestamp();
    private readonly long[] _last = new long[answers];                   // when each answer's last token came
    private bool _hasBegun;

    /// <summary>A token came.</summary>
    /// <param name="answer">Of which answer.</param>
    /// <param name="queueTime">How long the request waited for a place.</param>
    internal void Token(int answer, TimeSpan queueTime)
    {
        long now = Stopwatch.GetTimestamp();
        if (!_hasBegun)
        {
            _hasBegun = true;
            double first = Stopwatch.GetElapsedTime(_begin, now).TotalSeconds;
            metrics.FirstToken(route, queueTime.TotalSeconds, first);
            metrics.GenAi.FirstToken(_operation, first);
        }
        if (_last[answer] != 0)
        {
            double between = Stopwatch.GetElapsedTime(_last[answer], now).TotalSeconds;
            metrics.OutputToken(route, between);
            metrics.GenAi.OutputToken(_operation, between);
        }

        _last[answer] = now;
    }

    /// <summary>The generation ended, or its client left.</summary>
    internal void End(TokenUsage usage)
    {
        metrics.Used(route, usage);
        metrics.GenAi.Ended(_operation, Stopwatch.GetElapsedTime(_begin).TotalSeconds, usage);
    }
}
