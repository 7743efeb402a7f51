using System.Diagnostics.Metrics;

namespace GptOss.Server.Http;

/// <summary>
/// The same measurements under OpenTelemetry's names, in a <see cref="Meter"/> named <c>GptOss</c>, for programs that collect them that way.
/// </summary>
/// <remarks>Source: OpenTelemetry's semantic conventions for generative AI, status development.</remarks>
internal sealed class GenAiMeter : IDisposable
{
    /// <summary>The meter's name.</summary>
    internal const string Name = "GptOss";

    private readonly Meter _meter = new(Name);
    private readonly Histogram<double> _duration, _firstToken, _outputToken;
    private readonly Histogram<long> _tokens;
    private readonly KeyValuePair<string, object?>[] _tags;

    internal GenAiMeter(string model)
    {
        _tags = [new("gen_ai.provider.name", "gptoss"), new("gen_ai.request.model", model)];
        _duration = _meter.CreateHistogram<double>("gen_ai.server.request.duration", "s", "From the request to its last token.");
        _firstToken = _meter.CreateHistogram<double>("gen_ai.server.time_to_first_token", "s", "From the request to its first token.");
        _outputToken = _meter.CreateHistogram<double>("gen_ai.server.time_per_output_token", "s", "Between two tokens of an answer.");
        _tokens = _meter.CreateHistogram<long>("gen_ai.client.token.usage", "{token}", "Tokens of a request and of its answer.");
    }

    /// <summary>What requests do: <c>chat</c> or <c>text_completion</c>.</summary>
    internal static KeyValuePair<string, object?> Operation(string name) => new("gen_ai.operation.name", name);

    internal void FirstToken(KeyValuePair<string, object?> operation, double seconds) => _firstToken.Record(seconds, [.. _tags, operation]);

    internal void OutputToken(KeyValuePair<string, object?> operation, double seconds) => _outputToken.Record(seconds, [.. _tags, operation]);

    internal void Ended(KeyValuePair<string, object?> operation, double seconds, TokenUsage usage)
    {
        _duration.Record(seconds, [.. _tags, operation]);
        _tokens.Record(usage.Prompt, [.. _tags, operation, new("gen_ai.token.type", "input")]);
        _tokens.Record(usage.Completion, [.. _tags, operation, new("gen_ai.token.type", "output")]);
    }

    public void Dispose() => _meter.Dispose();
}
