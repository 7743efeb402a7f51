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
internal sealed class TurnRun(ServedGeneration generation, Tokenizer tokenizer, TurnRequest turn) : IAsyncDisposable
{
    private readonly TurnReader[] _readers = [.. Enumerable.Range(0, turn.Choices).Select(_ => new TurnReader(tokenizer, turn.Stops))];
    private int _completion;

    /// <summary>Tokens so far.</summary>
    internal TokenUsage Usage => new(generation.PromptTokens, generation.CachedTokens, _completion, _readers.Sum(reader => reader.ReasoningTokens));

    /// <summary>The steps of all answers, as they come.</summary>
    internal async IAsyncEnumerable<TurnStep> StepsAsync([EnumeratorCancellation] CancellationToken cancellation = default)
    {
        var ended = new bool[_readers.Length];
        await foreach (ServedToken token in generation.ReadAsync(cancellation))
        {
            if (ended[token.Choice]) continue;                                   // a token that was under way when its stop text appeared
            _completion++;
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
                events = [.. events, .. reader.End()];
            }

            if (events.Count > 0 || finish is not null) yield return new TurnStep(token.Choice, events, finish);
        }
    }

    public ValueTask DisposeAsync() => generation.DisposeAsync();
}
