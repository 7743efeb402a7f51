using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Chat;

/// <summary>A conversation with a model: turns of a user's message, the model's messages, and what tools answered.</summary>
/// <remarks>
/// <para>A finished turn is rendered anew for every later one, without its analysis unless the options say otherwise. Inside a turn the tokens
/// that the model wrote stay as it wrote them; what tools answer is appended.</para>
/// <para>Keys and values are reused up to where a prompt parts from the last one. Where that is farther back than a sliding layer remembers,
/// they are reused up to the nearest of the latest sixteen turns' beginnings. The logits have the bits of a fresh run either way.</para>
/// <para>If a prompt leaves less than a quarter of the context for the answer, the oldest whole turns are left out of it until it fills no more
/// than half, so that the next turns find their prefix again. The system and the developer message stay.</para>
/// <para>A turn that is cancelled is kept as far as it came. One that fails with an exception is taken back. For one thread.</para>
/// </remarks>
public sealed class Conversation
{
    private readonly Transformer _model;
    private readonly HarmonyRenderer _renderer;
    private readonly PromptCache _cache;
    private readonly Tokenizer _tokenizer;
    private readonly IReadOnlyList<int> _stopTokens;
    private readonly List<Turn> _turns = [];
    private ConversationOptions _options;
    private IReadOnlyList<Message> _head;
    private int[] _lastTokens = [];
    private int _forgotten;             // turns at the beginning that are left out of prompts
    private ulong _retries;

    /// <summary>An empty conversation.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="options">How it is led.</param>
    /// <exception cref="ArgumentException">
    /// Two tools have the same name, the context is not the model's, or the tokenizer knows no messages.
    /// </exception>
    public Conversation(Transformer model, Tokenizer tokenizer, ConversationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_model, _tokenizer) = (model, tokenizer);
        _renderer = new HarmonyRenderer(tokenizer);
        _cache = new PromptCache(model);
        _stopTokens = StopTokens.For(model, tokenizer);
        _options = options ?? new ConversationOptions();
        _head = Checked(_options);
    }

    /// <summary>How it is led from the next turn on.</summary>
    /// <exception cref="ArgumentException">Two tools have the same name, or the context is not the model's.</exception>
    public ConversationOptions Options
    {
        get => _options;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            _head = Checked(value);
            _options = value;
        }
    }

    /// <summary>Everything that was said, analysis and forgotten turns included, after the system and the developer message.</summary>
    public IReadOnlyList<Message> Messages => [.. _head, .. _turns.SelectMany(turn => turn.Messages)];

    /// <summary>Turns so far.</summary>
    public int Turns => _turns.Count;

    /// <summary>Of those, the oldest ones that the model is no longer shown.</summary>
    public int ForgottenTurns => _forgotten;

    /// <summary>The ids of the last turn as the model read and wrote them; before the first one, what it would read.</summary>
    public IReadOnlyList<int> LastTokens => _lastTokens.Length > 0 ? _lastTokens : Prompt();

    /// <summary>Tokens that the conversation so far takes at the beginning of the next turn.</summary>
    public int PromptTokens => Prompt().Length;

    /// <summary>Bytes of keys and values, with those of the marks.</summary>
    public long CacheBytes => _cache.Bytes;

    /// <summary>One turn.</summary>
    /// <param name="text">What the user says.</param>
    /// <param name="report">Is told what happens as it happens; may be null.</param>
    /// <param name="cancellation">Ends the turn; what was written until then is kept, a call that has no answer yet is answered or dropped.</param>
    /// <exception cref="PromptException">The message alone does not fit into the context; the conversation is as it was.</exception>
    /// <exception cref="LogitsException">The model has nothing to choose from; the conversation is as it was.</exception>
    public Task<TurnResult> AskAsync(string text, Action<ConversationEvent>? report = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        _retries = 0;
        return TurnAsync([new Message(Role.User, text)], report, cancellation);
    }

    /// <summary>The last turn again, drawn with another seed; null if there is none.</summary>
    /// <inheritdoc cref="AskAsync"/>
    public async Task<TurnResult?> RetryAsync(Action<ConversationEvent>? report = null, CancellationToken cancellation = default)
    {
        if (_turns is not [.., var last])
            return null;
        _retries++;
        TakeBack(last);
        try
        {
            Message[] asked = [.. last.Messages.TakeWhile(message => message.Role == Role.User)];
            return await TurnAsync(asked, report, cancellation).ConfigureAwait(false);
        }
        catch
        {
            _turns.Add(last);
            throw;
        }
    }

    /// <summary>Takes the last turn back; its cache is left as it is and reused as far as it can be.</summary>
    /// <returns>What the user had said; null if there is no turn.</returns>
    public string? Undo()
    {
        if (_turns is not [.., var last])
            return null;
        TakeBack(last);
        _lastTokens = [];
        return string.Concat(last.Messages.TakeWhile(message => message.Role == Role.User).Select(message => message.Text));
    }

    /// <summary>Puts other turns in the place of all there are.</summary>
    /// <param name="messages">Messages of users, the assistant and tools, in order; system and developer messages belong into the options.</param>
    /// <exception cref="HarmonyFormatException">They are no turns; the conversation is as it was.</exception>
    public void Replace(IReadOnlyList<Message> messages)
    {
        ConversationFile.RequireTurns(messages, _renderer);
        _turns.Clear();
        foreach (Message message in messages)
        {
            if (_turns is not [.., var turn] || message.Role == Role.User && turn.Messages[^1].Role != Role.User)
                _turns.Add(turn = new Turn(0));
            turn.Messages.Add(message);
        }
        (_forgotten, _lastTokens) = (0, []);
    }

    private IReadOnlyList<Message> Checked(ConversationOptions options)
    {
        if (options.Context < 1 || options.Context > _model.Config.MaxPositions)
            throw new ArgumentException($"The context is {options.Context}; the model's holds 1 to {_model.Config.MaxPositions} tokens.");
        return ConversationHead.Of(options);
    }

    private void TakeBack(Turn turn)
    {
        _turns.Remove(turn);
        _forgotten = turn.ForgottenBefore;
    }

    private int[] Prompt() =>
        _renderer.RenderForCompletion([.. _head, .. _turns.Skip(_forgotten).SelectMany(turn => turn.Messages)], drop: _options.Drop);

    private async Task<TurnResult> TurnAsync(IReadOnlyList<Message> asked, Action<ConversationEvent>? report, CancellationToken cancellation)
    {
        var turn = new Turn(_forgotten);
        turn.Messages.AddRange(asked);
        _turns.Add(turn);
        try
        {
            return await new OpenTurn(this, turn, report ?? (_ => { })).RunAsync(cancellation).ConfigureAwait(false);
        }
        catch
        {
            TakeBack(turn);
            throw;
        }
    }

    /// <summary>Leaves out turns if the prompt is too long.</summary>
    /// <param name="prompt">The prompt of the present turn, with what has been written in it.</param>
    /// <param name="written">Tokens at its end that belong to the present turn's open part.</param>
    /// <param name="report">Is told.</param>
    private int[] Fit(int[] prompt, IReadOnlyList<int> written, Action<ConversationEvent> report)
    {
        int room = Math.Min(_options.MaxTokens ?? int.MaxValue, Math.Max(1, _options.Context / 4));
        if (prompt.Length <= _options.Context - room)
            return prompt;
        int before = _forgotten;
        while (prompt.Length > _options.Context / 2 && _forgotten < _turns.Count - 1)
        {
            _forgotten++;
            prompt = [.. Opened(), .. written];
        }
        if (_forgotten > before)
            report(new TurnsForgotten(_forgotten - before, _forgotten));
        return prompt;
    }

    /// <summary>The prompt that the present turn begins with.</summary>
    private int[] Opened()
    {
        IEnumerable<Message> finished = _turns.Take(_turns.Count - 1).Skip(_forgotten).SelectMany(turn => turn.Messages);
        IEnumerable<Message> asked = _turns[^1].Messages.TakeWhile(message => message.Role == Role.User);
        return _renderer.RenderForCompletion([.. _head, .. finished, .. asked], drop: _options.Drop);
    }

    /// <summary>A user's message and everything up to the next one.</summary>
    private sealed class Turn(int forgottenBefore)
    {
        internal List<Message> Messages { get; } = [];

        /// <summary>Turns that were left out when this one began.</summary>
        internal int ForgottenBefore => forgottenBefore;
    }

    /// <summary>A turn that the model is at.</summary>
    private sealed class OpenTurn(Conversation conversation, Turn turn, Action<ConversationEvent> report)
    {
        private readonly ConversationOptions _options = conversation._options;
        private readonly List<int> _written = [];           // everything after the prompt, as the model wrote it and tools answered
        private readonly int _asked = turn.Messages.Count, _forgottenAtFirst = conversation._forgotten;
        private int _promptTokens, _reused, _read, _generated, _calls;
        private TimeSpan _readTime, _writeTime;

        internal async Task<TurnResult> RunAsync(CancellationToken cancellation)
        {
            int[] prompt = conversation.Fit(conversation.Opened(), _written, report);
            if (prompt.Length >= _options.Context)
            {
                throw new PromptException($"The message takes {prompt.Length} tokens with the system message and the tools; "
                    + $"the context holds {_options.Context}, and an answer needs some of them.");
            }
            _promptTokens = prompt.Length;
            while (true)
            {
                (CachedGeneration generation, HarmonyParser parser, bool isOpen) = Generate(prompt, cancellation);
                List<Message> messages = Keep(parser.Messages);
                if (generation.FinishReason != FinishReason.Stop && isOpen && messages is [.., var last] && MessageKinds.Of(last) == MessageKind.Call)
                    messages.RemoveAt(messages.Count - 1);              // a call that was not finished is none
                turn.Messages.AddRange(messages);
                Message[] calls = [.. messages.Where(message => MessageKinds.Of(message) == MessageKind.Call)];

                TurnEnd? end = generation.FinishReason switch
                {
                    FinishReason.Cancelled => TurnEnd.Cancelled,
                    FinishReason.Length => prompt.Length + generation.Ids.Count >= _options.Context ? TurnEnd.ContextFull : TurnEnd.TooLong,
                    _ when calls.Length == 0 => Answer.Length > 0 ? TurnEnd.Answered : TurnEnd.NoAnswer,
                    _ => null,
                };
                end = await AnswerAsync(calls, end, cancellation).ConfigureAwait(false) ?? end;
                if (end is { } ended)
                    return Result(ended);

                prompt = conversation.Fit([.. conversation.Opened(), .. _written], _written, report);
                conversation._lastTokens = prompt;
                if (prompt.Length >= _options.Context)
                    return Result(TurnEnd.ContextFull);
            }
        }

        private string Answer => string.Concat(turn.Messages.Skip(_asked)
            .Where(message => message.Role == Role.Assistant && MessageKinds.Of(message) == MessageKind.Answer).Select(message => message.Text));

        private (CachedGeneration Generation, HarmonyParser Parser, bool IsOpen) Generate(int[] prompt, CancellationToken cancellation)
        {
            var parser = new HarmonyParser(conversation._tokenizer, Role.Assistant);
            int told = 0, mended = 0;
            void Tell(MessageDelta? delta, bool isToken)
            {
                if (isToken || delta is not null)
                {
                    MessageKind kind = delta is { } text
                        ? MessageKinds.Of(text.Channel, text.Recipient)
                        : MessageKinds.Of(parser.CurrentChannel, parser.CurrentRecipient);
                    report(new TokenWritten(kind, delta));
                }
                for (; told < parser.Messages.Count; told++)
                    report(new MessageWritten(MessageKinds.Of(parser.Messages[told]), parser.Messages[told]));
                for (; mended < parser.Repairs.Count; mended++)
                    report(new Mended(parser.Repairs[mended]));
            }

            var options = new GenerationOptions
            {
                Sampling = _options.Sampling with { Seed = unchecked(_options.Sampling.Seed + conversation._retries) },
                MaxTokens = Math.Min(_options.MaxTokens ?? int.MaxValue, _options.Context - prompt.Length),
                StopTokens = [.. conversation._stopTokens],
            };
            // A stop token ends the turn; the parser only has to know that nothing follows.
            CachedGeneration generation = conversation._cache.Generate(prompt, options, mark: _written.Count == 0,
                (read, reused) => report(new PromptRead(read, prompt.Length, reused)),
                (id, isStop) => Tell(isStop ? null : parser.Append(id), isToken: true), cancellation);
            bool isOpen = parser.State != ParserState.ExpectStart;
            if (generation.Ids.Count > 0)
                Tell(parser.End(), isToken: false);

            if (_generated == 0 && _calls == 0)
                _reused = generation.Reused;
            _read += generation.Read;
            _generated += generation.Ids.Count;
            _readTime += generation.ReadTime;
            _writeTime += generation.WriteTime;
            _written.AddRange(generation.Ids);
            conversation._lastTokens = [.. prompt, .. generation.Ids];
            return (generation, parser, isOpen);
        }

        // What the model writes in another's name was part of its own tokens; rendered anew it would pass for genuine.
        private List<Message> Keep(IReadOnlyList<Message> messages)
        {
            foreach (Message foreign in messages.Where(message => message.Role != Role.Assistant))
                report(new ForeignMessage(foreign));
            return [.. messages.Where(message => message.Role == Role.Assistant)];
        }

        // Every call gets an answer, whatever happens, so that the conversation stays one that can go on.
        private async Task<TurnEnd?> AnswerAsync(Message[] calls, TurnEnd? end, CancellationToken cancellation)
        {
            if (calls.Length == 0)
                return null;
            // What ends a turn is only ever written by the model: in a prompt a call ends as a call, another message as a message.
            if (end is null)
                _written[^1] = conversation._renderer.Render(turn.Messages[^1])[^1];
            foreach (Message call in calls)
            {
                long begin = System.Diagnostics.Stopwatch.GetTimestamp();
                IReadOnlyList<Message> answers;
                void Start()
                {
                    report(new CallStarted(call));
                    begin = System.Diagnostics.Stopwatch.GetTimestamp();        // what a person took to allow it is not the tool's time
                }

                if (end is null && ++_calls > _options.MaxCalls)
                {
                    _calls--;
                    end = TurnEnd.TooManyCalls;
                }
                if (end is not null)
                {
                    answers = [ToolCalls.Answer(call, end == TurnEnd.Cancelled ? ToolCalls.Stopped : "This call was not run: the turn had to end.")];
                }
                else
                {
                    try
                    {
                        answers = await ToolCalls.AnswerAsync(_options, call, Start, cancellation).ConfigureAwait(false);
                    }
                    catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                    {
                        end = TurnEnd.Cancelled;
                        answers = [ToolCalls.Answer(call, ToolCalls.Stopped)];
                    }
                }
                foreach (Message answer in answers)
                {
                    turn.Messages.Add(answer);
                    _written.AddRange(conversation._renderer.Render(answer));
                    report(new CallAnswered(call, answer, System.Diagnostics.Stopwatch.GetElapsedTime(begin)));
                }
            }
            _written.AddRange(conversation._renderer.Opening());
            return end;
        }

        private TurnResult Result(TurnEnd end) => new()
        {
            Answer = Answer,
            Messages = [.. turn.Messages],
            End = end,
            PromptTokens = _promptTokens,
            ReusedTokens = _reused,
            ReadTokens = _read,
            WrittenTokens = _generated,
            Calls = _calls,
            ForgottenTurns = conversation._forgotten - _forgottenAtFirst,
            ReadTime = _readTime,
            WriteTime = _writeTime,
        };
    }
}
