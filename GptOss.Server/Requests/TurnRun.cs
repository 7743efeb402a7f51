using System.Runtime.CompilerServices;
using GptOss.Reference.Generation;
using GptOss.Reference.Serving;
using GptOss.Reference.Tokens;
using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>A turn that is being generated: its tokens as events. Disposing it frees its place within a step.</summary>
/// <param name="generation">Where the tokens come from.</param>
/// <param name="tokenizer">What they mean.</param>
/// <param name="turn">What was asked.</param>
/// <param name="metrics">Where its figures go.</param>
/// <param name="route">The route of the request that it is part of.</param>
internal sealed class TurnRun(ServedGeneration generation, Tokenizer tokenizer, TurnRequest turn, ServerMetrics metrics, string route)
    : IAsyncDisposable
{
    private readonly TurnReader[] _readers = [.. Enumerable.Range(0, turn.Choices).Select(_ => new TurnReader(tokenizer, turn.Stops))];
    private readonly GenerationMeter _meter = new(metrics, route, "chat", turn.Choices);
    private int _completion;
    private bool _isMeasured;

    /// <summary>Tokens so far.</summary>
    internal TokenUsage Usage => new(generation.PromptTokens, generation.CachedTokens, _completion, _readers.Sum(reader => reader.ReasoningTokens));

    /// <summary>The steps of all answers, as they come.</summary>
    internal async IAsyncEnumerable<TurnStep> StepsAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        bool[] ended = new bool[_readers.Length];
        await foreach (ServedToken token in generation.ReadAsync(cancellation))
        {
            if (ended[token.Choice])
                continue;                                   // a token that was under way when its stop text appeared
            _completion++;
            _meter.Token(token.Choice, generation.QueueTime);
            TurnReader reader = _readers[token.Choice];
            IReadOnlyList<TurnEvent> events = reader.Append(token.Id, token.LogProbabilities);
            FinishReason? finish = token.Finish;
            if (reader.HasStopped)
            {
                generation.End(token.Choice);
                finish = FinishReason.Stop;
            }

            if (finish is not null)
            {
                ended[token.Choice] = true;
                metrics.Ended(route, finish == FinishReason.Length);
                TurnEvent[] before = [.. events];                                // the reader's list is its own: the next call changes it
                events = [.. before, .. reader.End()];
            }
            if (events.Count > 0 || finish is not null)
                yield return new TurnStep(token.Choice, events, finish);
        }
    }

    public ValueTask DisposeAsync()
    {
        if (!_isMeasured)
            _meter.End(Usage);
        _isMeasured = true;
        return generation.DisposeAsync();
    }
}
