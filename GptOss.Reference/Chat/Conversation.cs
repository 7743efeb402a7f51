using System.Runtime.CompilerServices;
using GptOss.Reference.Generation;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Chat;

/// <summary>A conversation with a model: turns of a user's message, the model's messages, and what tools answered.</summary>
/// <remarks>
/// <para>A turn is a stream of events (<see cref="AskAsync"/>); <see cref="ConversationEvents.ToResultAsync"/> waits for its end. The model runs on
/// the thread pool, one pass at a time, and only while the caller waits for the next event.</para>
/// <para>A finished turn is rendered again for every later one, without its analysis unless the options say otherwise. Inside a turn the tokens
/// that the model wrote stay as it wrote them, and what tools answer is appended.</para>
/// <para>A turn that is cancelled, or whose events are no longer read, keeps what was written so far. A turn that fails with an exception leaves the
/// conversation unchanged. Not thread-safe: one turn at a time, and nothing else may be changed during it.</para>
/// </remarks>
public sealed class Conversation
{
    private readonly Transformer _model;
    private readonly TurnHistory _history;
    private readonly PromptCache _cache;
    private readonly TurnParts _parts;
    private ConversationOptions _options;
    private Settled _settled;
    private ulong _retries;
    private int _isBusy;

    /// <summary>An empty conversation.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="options">Its settings.</param>
    /// <exception cref="ArgumentException">The context exceeds the model's.</exception>
    /// <exception cref="HarmonyFormatException">Two tools have the same name.</exception>
    /// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    /// <exception cref="JsonSchemaException">The schema of answers cannot be kept.</exception>
    public Conversation(Transformer model, Tokenizer tokenizer, ConversationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(tokenizer);
        var renderer = new HarmonyRenderer(tokenizer);
        _model = model;
        _history = new TurnHistory(renderer);
        _cache = new PromptCache(model);
        _parts = new TurnParts(tokenizer, renderer, _history, _cache, StopTokens.For(model, tokenizer));
        _options = options ?? new ConversationOptions();
        _settled = Settle(_options);
    }

    /// <summary>Settings, from the next turn on.</summary>
    /// <exception cref="ArgumentException">The context exceeds the model's.</exception>
    /// <exception cref="HarmonyFormatException">Two tools have the same name.</exception>
    /// <exception cref="JsonSchemaException">The schema of answers cannot be kept.</exception>
    /// <exception cref="InvalidOperationException">Set during a turn.</exception>
    public ConversationOptions Options
    {
        get => _options;
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            RequireNoTurn();
            _settled = Settle(value);
            _options = value;
        }
    }

    /// <summary>Everything that was said, analysis and forgotten turns included, after the system and the developer message.</summary>
    public IReadOnlyList<Message> Messages => [.. _settled.Head, .. _history.Messages];

    /// <summary>Turns so far.</summary>
    public int Turns => _history.Count;

    /// <summary>The oldest of those, which prompts leave out because the context is full.</summary>
    public int ForgottenTurns => _history.Forgotten;

    /// <summary>The ids of the last turn as the model read and wrote them; before the first one, what it would read.</summary>
    public IReadOnlyList<int> LastTokens => _history.LastTokens is { Length: > 0 } last ? last : _history.Prompt(_settled.Shown, _options.Drop);

    /// <summary>Tokens that the conversation so far takes at the beginning of the next turn.</summary>
    public int PromptTokens => _history.Prompt(_settled.Shown, _options.Drop).Length;

    /// <summary>Bytes of keys and values, with those of the marks.</summary>
    public long CacheBytes => _cache.Bytes;

    /// <summary>One turn: what happens, as it happens, and finally a <see cref="TurnEnded"/>.</summary>
    /// <param name="text">What the user says.</param>
    /// <param name="cancellation">
    /// Ends the turn, also during a pass of the model; the last event still comes. What was written until then is kept, and a call without an
    /// answer gets one that says what became of it.
    /// </param>
    /// <exception cref="PromptException">The message alone does not fit into the context; thrown by the enumeration, as all of these.</exception>
    /// <exception cref="BudgetException">The answer is to be closed within its budget, and not even the shortest one fits.</exception>
    /// <exception cref="LogitsException">The model gave logits from which no token can be chosen.</exception>
    /// <exception cref="InvalidOperationException">Another turn is going on.</exception>
    public IAsyncEnumerable<ConversationEvent> AskAsync(string text, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        RequireNoTurn();
        return RunAsync(() =>
        {
            _retries = 0;
            _history.Begin([new Message(Role.User, text)]);
        }, cancellation);
    }

    /// <summary>The last turn again, in its place, drawn with another seed.</summary>
    /// <param name="cancellation">As in <see cref="AskAsync"/>.</param>
    /// <exception cref="InvalidOperationException">There is no turn yet, or one is going on.</exception>
    public IAsyncEnumerable<ConversationEvent> RetryAsync(CancellationToken cancellation = default)
    {
        RequireNoTurn();
        if (_history.Count == 0)
            throw new InvalidOperationException("There is no turn yet that could be asked for again.");
        return RunAsync(() =>
        {
            _retries++;
            _history.Begin(_history.TakeBack()!.Asked);
        }, cancellation);
    }

    /// <summary>Takes the last turn back. Its keys and values stay in the cache and are reused where they still match.</summary>
    /// <returns>What the user said in it; null if there is no turn.</returns>
    /// <exception cref="InvalidOperationException">A turn is going on.</exception>
    public string? Undo()
    {
        RequireNoTurn();
        return _history.TakeBack() is { } turn ? string.Concat(turn.Asked.Select(message => message.Text)) : null;
    }

    /// <summary>Replaces all turns.</summary>
    /// <param name="messages">Messages of users, the assistant and tools, in order; system and developer messages belong in the options.</param>
    /// <exception cref="HarmonyFormatException">They are not turns; the conversation is left unchanged.</exception>
    /// <exception cref="InvalidOperationException">A turn is going on.</exception>
    public void Replace(IReadOnlyList<Message> messages)
    {
        RequireNoTurn();
        ConversationFile.RequireTurns(messages, _parts.Renderer);
        _history.Replace(messages);
    }

    private async IAsyncEnumerable<ConversationEvent> RunAsync(Action begin, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
            throw Busy();
        (TurnHistory.Snapshot history, ulong retries) before = (_history.Save(), _retries);
        OpenTurn? turn = null;
        bool isRead = false, isOver = false;            // isRead: while the caller has an event, and may never come back for the next
        try
        {
            begin();
            SamplingOptions sampling = _options.Sampling with { Seed = unchecked(_options.Sampling.Seed + _retries) };
            turn = new OpenTurn(_parts, _settled.Shown, _options with { Sampling = sampling }, _settled.Constraint);
            await foreach (ConversationEvent happened in turn.RunAsync(cancellation).ConfigureAwait(false))
            {
                isRead = true;
                yield return happened;
                isRead = false;
            }
            isOver = true;
        }
        finally
        {
            if (isRead)
            {
                turn!.Abandon();
            }
            else if (!isOver)
            {
                _history.Restore(before.history);
                _retries = before.retries;
            }
            Volatile.Write(ref _isBusy, 0);
        }
    }

    private Settled Settle(ConversationOptions options)
    {
        if (options.Context > _model.Config.MaxPositions)
            throw new ArgumentException($"The context is {options.Context}; the model's holds 1 to {_model.Config.MaxPositions} tokens.");
        IReadOnlyList<Message> head = ConversationHead.Of(options);
        TokenConstraint? constraint = options.AnswerSchema is { } schema
            ? new HarmonyConstraint(AnswerRules.Of(schema, options.Tools), _parts.Tokenizer)
            : null;
        return new Settled(head, ConversationHead.WithSchema(head, options.AnswerSchema), constraint);
    }

    private void RequireNoTurn()
    {
        if (Volatile.Read(ref _isBusy) != 0)
            throw Busy();
    }

    /// <summary>What follows from the options.</summary>
    /// <param name="Head">The messages that are kept with the turns.</param>
    /// <param name="Shown">Those that prompts begin with.</param>
    /// <param name="Constraint">What binds turns; null for nothing.</param>
    private sealed record Settled(IReadOnlyList<Message> Head, IReadOnlyList<Message> Shown, TokenConstraint? Constraint);

    private static InvalidOperationException Busy() =>
        new("A turn of this conversation is going on; it ends when its events have been read to the last one, or are disposed of.");
}
