using System.Diagnostics;
using System.Runtime.CompilerServices;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Chat;

/// <summary>What every turn of a conversation works with.</summary>
internal sealed record TurnParts(
    Tokenizer Tokenizer, HarmonyRenderer Renderer, TurnHistory History, PromptCache Cache, IReadOnlyList<int> StopTokens);

/// <summary>A turn that is going on: the model writes, its calls are answered, and it goes on writing until it calls nothing more.</summary>
/// <remarks>
/// Inside a turn nothing is rendered again: what tools answered follows the tokens as the model wrote them. Whatever happens, every call gets an
/// answer, so that the conversation can go on.
/// </remarks>
/// <param name="parts">What turns work with; this turn is the last one of the history.</param>
/// <param name="head">System and developer message.</param>
/// <param name="options">The settings of this turn.</param>
/// <param name="constraint">What binds what the model writes, from behind <c>&lt;|start|&gt;assistant</c> on; null for nothing.</param>
internal sealed class OpenTurn(TurnParts parts, IReadOnlyList<Message> head, ConversationOptions options, TokenConstraint? constraint)
{
    private readonly TurnHistory _history = parts.History;
    private readonly ConversationTurn _turn = parts.History.Last;
    private readonly int _asked = parts.History.Last.Messages.Count, _forgottenAtFirst = parts.History.Forgotten;
    private readonly List<int> _written = [];               // everything behind the prompt, as the model wrote it and tools answered
    private readonly Queue<Message> _unanswered = [];
    private readonly List<ModelWriting> _writings = [];
    private ModelWriting? _writing;                         // the one that is going on
    private TurnEnd? _end;
    private int _calls;

    /// <summary>The turn's events.</summary>
    /// <exception cref="PromptException">The user's message does not fit into the context.</exception>
    /// <exception cref="BudgetException">No answer can be closed within its budget.</exception>
    internal async IAsyncEnumerable<ConversationEvent> RunAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        while (_end is null)
        {
            int forgotten = _history.Forgotten;
            int[] prompt = await Task.Run(() => _history.OpenPrompt(head, _written, options), CancellationToken.None).ConfigureAwait(false);
            if (_history.Forgotten > forgotten)
                yield return new TurnsForgotten(_history.Forgotten - forgotten, _history.Forgotten);
            _history.LastTokens = prompt;
            if (prompt.Length >= options.Context)
            {
                _end = _writings.Count > 0 ? TurnEnd.ContextFull : throw TooLong(prompt.Length);
                break;
            }

            await foreach (ConversationEvent happened in WriteAsync(prompt, cancellation).ConfigureAwait(false))
                yield return happened;
            await foreach (ConversationEvent happened in AnswerCallsAsync(cancellation).ConfigureAwait(false))
                yield return happened;
        }
        yield return new TurnEnded(Result(_end.Value));
    }

    /// <summary>Ends the turn because no one reads its events any more.</summary>
    internal void Abandon()
    {
        if (_writing is not null)
            Keep(_writing);
        while (_unanswered.TryDequeue(out Message? call))
            Answer(call, [ToolCalls.NotRun(call, "The user stopped it before it began.")]);
    }

    private async IAsyncEnumerable<ConversationEvent> WriteAsync(int[] prompt, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var generation = new GenerationOptions
        {
            Sampling = options.Sampling,
            MaxTokens = Math.Min(options.MaxTokens ?? int.MaxValue, options.Context - prompt.Length),
            StopTokens = [.. parts.StopTokens],
            Constraint = constraint,
            CloseOnBudget = options.CloseOnBudget,
            Speculate = options.Speculate,
        };
        try
        {
            _writing = new ModelWriting(parts.Cache, parts.Tokenizer, prompt, generation, mark: _writings.Count == 0);
        }
        catch (BudgetException) when (_writings.Count > 0)
        {
            _end = TurnEnd.ContextFull;                     // no whole answer fits behind what the tools said
            yield break;
        }
        await foreach (ConversationEvent happened in _writing.RunAsync(cancellation).ConfigureAwait(false))
            yield return happened;
        ModelWriting ended = _writing;
        foreach (ConversationEvent happened in Keep(ended))
            yield return happened;
        _end = ended.End switch
        {
            FinishReason.Cancelled => TurnEnd.Cancelled,
            FinishReason.Length => _history.LastTokens.Length >= options.Context ? TurnEnd.ContextFull : TurnEnd.TooLong,
            _ when _unanswered.Count > 0 => null,
            _ => Said.Length > 0 ? TurnEnd.Answered : TurnEnd.NoAnswer,
        };
    }

    private List<ConversationEvent> Keep(ModelWriting writing)
    {
        List<ConversationEvent> events = writing.Finish();
        _writing = null;
        _writings.Add(writing);
        _written.AddRange(writing.Ids);
        _history.LastTokens = [.. writing.Prompt, .. writing.Ids];
        foreach (Message message in writing.Messages)
        {
            _turn.Messages.Add(message);
            if (MessageKinds.Of(message) == MessageKind.Call)
                _unanswered.Enqueue(message);
        }
        return events;
    }

    private async IAsyncEnumerable<ConversationEvent> AnswerCallsAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        if (_unanswered.Count == 0)
            yield break;
        // What ends a turn is only ever written by the model: in a prompt a call ends as a call, another message as a message.
        if (_end is null)
            _written[^1] = parts.Renderer.Render(_turn.Messages[^1])[^1];
        while (_unanswered.TryPeek(out Message? call))
        {
            if (_end is null && _calls == options.MaxCalls)
                _end = TurnEnd.TooManyCalls;
            IReadOnlyList<Message> answers;
            TimeSpan time = TimeSpan.Zero;
            if (_end is not null)
            {
                answers = [ToolCalls.NotRun(call, _end == TurnEnd.Cancelled ? "The user stopped it before it began." : "The turn had to end.")];
            }
            else
            {
                _calls++;
                (ITool? tool, Message? refusal) = await ToolCalls.PermitAsync(options, call, cancellation).ConfigureAwait(false);
                if (tool is not null)
                {
                    yield return new CallStarted(call);
                    long begin = Stopwatch.GetTimestamp();
                    answers = await ToolCalls.RunAsync(tool, call, options.StopGrace, cancellation).ConfigureAwait(false);
                    time = Stopwatch.GetElapsedTime(begin);
                }
                else
                {
                    answers = [refusal ?? ToolCalls.NotRun(call, "The user stopped it before it began.")];
                }
                if (cancellation.IsCancellationRequested || (tool is null && refusal is null))
                    _end = TurnEnd.Cancelled;
            }
            _unanswered.Dequeue();
            Answer(call, answers);
            foreach (Message answer in answers)
                yield return new CallAnswered(call, answer, time);
        }
    }

    private void Answer(Message call, IReadOnlyList<Message> answers)
    {
        foreach (Message answer in answers)
        {
            _turn.Messages.Add(answer);
            _written.AddRange(parts.Renderer.Render(answer));
        }
        if (_unanswered.Count == 0)
            _written.AddRange(parts.Renderer.Opening());
    }

    private string Said => string.Concat(_turn.Messages.Skip(_asked)
        .Where(message => message.Role == Role.Assistant && MessageKinds.Of(message) == MessageKind.Answer).Select(message => message.Text));

    private PromptException TooLong(int tokens) => new(
        $"The message takes {tokens} tokens with the system message and the tools; the context holds {options.Context}, "
        + "and an answer needs some of them.");

    private TurnResult Result(TurnEnd end) => new()
    {
        Answer = Said,
        Messages = [.. _turn.Messages],
        End = end,
        PromptTokens = _writings.Count > 0 ? _writings[0].Prompt.Length : _history.LastTokens.Length,
        ReusedTokens = _writings.Count > 0 ? _writings[0].Reused : 0,
        ReadTokens = _writings.Sum(writing => writing.Read),
        WrittenTokens = _writings.Sum(writing => writing.Ids.Count),
        Calls = _calls,
        ForgottenTurns = _history.Forgotten - _forgottenAtFirst,
        ReadTime = Sum(writing => writing.ReadTime),
        WriteTime = Sum(writing => writing.WriteTime),
    };

    private TimeSpan Sum(Func<ModelWriting, TimeSpan> time) => new(_writings.Sum(writing => time(writing).Ticks));
}
