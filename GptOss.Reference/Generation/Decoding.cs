using System.Diagnostics;
using GptOss.Reference.Ground;
using GptOss.Reference.Model;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Generation;

/// <summary>
/// One continuation of a sequence as a machine that is stepped from outside: it says what is fed next, takes the row that comes back, and knows when
/// it ends.
/// </summary>
/// <remarks>
/// <para>Whoever owns the model runs any number of them, alone or in one batch: <see cref="Next(int)"/> gives a piece of the prompt, then what was
/// decided last; once a pass has fed all of it, <see cref="AwaitsRow"/> is true and <see cref="Take"/> chooses from the row. The sequence's length
/// says how far it is, so a pass that was cancelled is asked for again.</para>
/// <para>The draw of a token is numbered by the token's position, so a seed gives the same text on every machine, however the prompt was fed. The
/// last token chosen is not fed. Not thread-safe.</para>
/// <para>With <see cref="GenerationOptions.Speculate"/> a pass also feeds guessed tokens behind the known ones, with a row for each. A row is taken
/// only where the guess that led to it was decided on meanwhile; at the first other decision the sequence goes back to before it. So decisions, rows
/// and the sequence are those of feeding token by token, and what guesses change is time alone.</para>
/// </remarks>
internal sealed class Decoding
{
    private const int MostRefused = 16;

    private readonly GenerationOptions _options;
    private readonly TokenChoice _choice;
    private readonly TokenConstraint? _constraint;
    private readonly int _start, _promptLength;
    private readonly ClosingBudget? _budget;
    private Queue<int>? _closing;                       // what closes an answer whose budget ends
    private int[] _known;                               // prompt and answer
    private int _knownCount;
    private Drafting? _drafting;
    private int _guessEnd, _draftEnd;                   // tokens in _known with those that are guessed, and with those of them that were fed
    private int _guessKind;
    private int _rowBase, _takenAt;                     // known tokens when the last pass was made, and when the last row was taken

    /// <summary>Begins a continuation.</summary>
    /// <param name="sequence">What it continues; no one else may extend it until the end.</param>
    /// <param name="prompt">Ids, at least one, that follow the sequence, or of which it holds the first ones already.</param>
    /// <param name="options">How tokens are chosen and when to stop; stop texts are the caller's to look for.</param>
    /// <param name="held">How many of the prompt's ids the sequence ends with.</param>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    /// <exception cref="BudgetException">It is to be closed within its budget, and not even the shortest answer fits.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The sequence or the prompt is shorter than what is held.</exception>
    public Decoding(Sequence sequence, ReadOnlyMemory<int> prompt, GenerationOptions options, int held = 0)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(held);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(held, Math.Min(sequence.Length, prompt.Length));
        int context = sequence.Owner.Config.MaxPositions;
        _start = sequence.Length - held;
        PromptLimits.Require(sequence.Owner.Config, prompt.Span, _start);
        (Sequence, _options, _known, _knownCount, _promptLength) = (sequence, options, prompt.ToArray(), prompt.Length, prompt.Length);
        _constraint = options.Constraint?.Fork();
        _choice = new(options, _constraint);
        _drafting = options.Speculate > 0 ? new(options.Speculate, PromptLookup.Guess, new()) : null;
        _rowBase = _takenAt = _guessEnd = _draftEnd = prompt.Length;
        MostTokens = Most(options.MaxTokens, context - _start - prompt.Length);
        if (_constraint is { IsComplete: true })
            End = FinishReason.Stop;
        if (End is null && options.CloseOnBudget && _constraint is not null)
            _budget = new(_constraint, MostTokens);
    }

    /// <summary>
    /// Marks the sequence before the prompt's last token, so that a prompt that parts from this one there or later finds its way back.
    /// </summary>
    public bool MarksPrompt { get; init; }

    /// <summary>How it is guessed ahead, where its owner decides; by default by <see cref="GenerationOptions.Speculate"/>.</summary>
    internal Drafting? Drafting
    {
        get => _drafting;
        init => _drafting = value;
    }

    /// <summary>What is continued.</summary>
    public Sequence Sequence { get; private set; }

    /// <summary>Tokens of the prompt that the sequence holds.</summary>
    public int PromptRead => Math.Min(Sequence.Length - _start, _promptLength);

    /// <summary>The tokens that were decided, a stop token included.</summary>
    public IReadOnlyList<int> Ids => new ArraySegment<int>(_known, _promptLength, _knownCount - _promptLength);

    /// <summary>Prompt and answer so far; valid until the next token.</summary>
    public ReadOnlySpan<int> Known => _known.AsSpan(0, _knownCount);

    /// <summary>The most tokens that there can be: what was allowed, or what the context leaves.</summary>
    public int MostTokens { get; }

    /// <summary>Refuses an answer that cannot be closed within its budget, before it has a sequence.</summary>
    /// <param name="constraint">What binds it.</param>
    /// <param name="asked">Tokens that were allowed.</param>
    /// <param name="left">Places that the prompt leaves in the context.</param>
    /// <exception cref="BudgetException">Not even the shortest answer fits.</exception>
    internal static void RequireClosable(TokenConstraint constraint, int asked, int left)
    {
        if (!constraint.IsComplete)
            _ = new ClosingBudget(constraint.Fork(), Most(asked, left));
    }

    /// <summary>Why it ended; null as long as it goes on.</summary>
    public FinishReason? End { get; private set; }

    /// <summary>Tokens that are known and not fed yet.</summary>
    public int Unfed => Math.Max(0, _knownCount - (Sequence.Length - _start));

    /// <summary>Whether everything that is known is fed, so that the row of its last token is to be taken.</summary>
    public bool AwaitsRow => End is null && Unfed == 0;

    /// <summary>Which row of the last pass <see cref="Take"/> chooses from: 0, and further ones where guesses proved right.</summary>
    public int NextRow => _knownCount - _rowBase;

    /// <summary>Tokens that were guessed and fed.</summary>
    public int DraftedTokens { get; private set; }

    /// <summary>Those of them that were then decided on.</summary>
    public int AcceptedTokens { get; private set; }

    /// <summary>What is fed next, with the logits of the last token once nothing more is to follow.</summary>
    /// <param name="most">The most tokens; where several sequences share a pass, less than a chunk.</param>
    /// <exception cref="InvalidOperationException">It has ended, or a row is to be taken first.</exception>
    public BatchItem Next(int most = Sequence.ChunkTokens) => Next(most, answers: 0);

    /// <summary>The same, with guessed tokens behind what is known where that is likely to be faster.</summary>
    /// <param name="most">The most known tokens.</param>
    /// <param name="answers">Answers that share the pass and get a token by it; 0 guesses nothing.</param>
    internal BatchItem Next(int most, int answers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        Require(Unfed > 0);
        int fed = Sequence.Length - _start, end = fed + Math.Min(most, Unfed);
        if (MarksPrompt && _knownCount == _promptLength)
        {
            if (Unfed > 1)
                end = Math.Min(end, _knownCount - 1);
            else
                Sequence.Mark();
        }
        (_rowBase, _guessEnd, _draftEnd) = (_knownCount, _knownCount, _knownCount);
        if (end < _knownCount)
            return new(Sequence, _known.AsMemory(fed, end - fed), LogitRows.None);
        int drafts = answers > 0 && _knownCount > _promptLength ? Draft(end - fed, answers) : 0;
        return new(Sequence, _known.AsMemory(fed, end - fed + drafts),
            drafts == 0 ? LogitRows.Last : LogitRows.At(Enumerable.Range(end - fed - 1, drafts + 1).ToArray()));
    }

    /// <summary>Guesses behind what is known.</summary>
    /// <returns>How many tokens of the guess to feed.</returns>
    private int Draft(int tokens, int answers)
    {
        // Of the tokens that are left the last is not fed, and all rows of a pass come out of one chunk.
        int room = Math.Min(MostTokens - Ids.Count - 1, Sequence.ChunkTokens - tokens);
        if (_drafting is null)
            return 0;
        room = Math.Min(room, Math.Min(_drafting.Most, PassCosts.MostTokens / answers - 1));
        if (room <= 0)
            return 0;
        if (_known.Length < _knownCount + room)
            Array.Resize(ref _known, _knownCount + Math.Max(room, _knownCount / 4));
        Draft guess = _drafting.Guess(Known, _known.AsSpan(_knownCount, room));
        int drafts = _drafting.Choose(guess, answers == 1 ? tokens : answers, answers);
        (_guessKind, _guessEnd, _draftEnd) = (guess.Kind, _knownCount + guess.Count, _knownCount + drafts);
        DraftedTokens += drafts;
        return drafts;
    }

    /// <summary>Feeds what is next, alone, unless the last pass left a row to take.</summary>
    /// <param name="model">The model of the sequence.</param>
    /// <param name="into">Receives the rows, if there are any; the same for every call.</param>
    /// <param name="cancellation">Ends the pass; the same is fed again by the next call.</param>
    /// <returns>Whether the row is there that <see cref="Take"/> chooses from: <see cref="NextRow"/>.</returns>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public bool Feed(Transformer model, LogitsBuffer into, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        cancellation.ThrowIfCancellationRequested();
        if (AwaitsRow)
            return true;
        BatchItem next = Next(Sequence.ChunkTokens, answers: 1);
        int drafts = _draftEnd - _knownCount;
        long begin = Stopwatch.GetTimestamp();
        try
        {
            model.Forward(next, into, cancellation);
        }
        catch (Exception e) when (drafts > 0)
        {
            Rewind();
            if (e is not (CacheFullException or CheckpointFormatException))
                throw;
            _drafting!.Stop();                          // only a wrong guess may have met it
            model.Forward(Next(), into, cancellation);
            return AwaitsRow;
        }
        if (AwaitsRow && _knownCount > _promptLength)
            _drafting?.Observe(next.Tokens.Length - drafts, drafts, Stopwatch.GetElapsedTime(begin).TotalSeconds);
        return AwaitsRow;
    }

    /// <summary>Forgets a pass that failed or whose rows were lost: what it fed is fed again, without guesses that were behind it.</summary>
    internal void Rewind()
    {
        GoBack(_knownCount - 1);
        (_guessEnd, _draftEnd) = (_knownCount, _knownCount);
    }

    /// <summary>Decides what comes next, by the row of the last token.</summary>
    /// <returns>The tokens that are decided now: the chosen one, and those that a constraint leaves no choice about; valid until the next
    /// call.</returns>
    /// <exception cref="LogitsException">The row holds a NaN, or nothing above −∞ that is allowed.</exception>
    /// <exception cref="InvalidOperationException">No row is to be taken.</exception>
    public ReadOnlySpan<int> Take(ReadOnlySpan<float> row)
    {
        Require(AwaitsRow);
        int before = _takenAt = _knownCount;
        if (!DecideForced() && !DecideClosing())
        {
            if (Choose(row) is { } chosen)
                Decide(chosen);
            else
                DecideClosing();
        }
        DecideForced();
        DropWrongGuesses();
        return _known.AsSpan(before, _knownCount - before);
    }

    /// <summary>Takes a token that was chosen elsewhere, such as one of a recording.</summary>
    /// <returns>As <see cref="Take"/>.</returns>
    /// <exception cref="ArgumentException">A constraint does not allow it.</exception>
    /// <exception cref="InvalidOperationException">No row is to be taken.</exception>
    public ReadOnlySpan<int> Put(int id)
    {
        Require(AwaitsRow);
        int before = _takenAt = _knownCount;
        Decide(id);
        DecideForced();
        DropWrongGuesses();
        return _known.AsSpan(before, _knownCount - before);
    }

    /// <summary>Goes on in another sequence, where the first one was given up: what it does not hold is fed again.</summary>
    /// <param name="sequence">A sequence of the same model that holds the same tokens, or the beginning of them.</param>
    /// <exception cref="ArgumentException">It holds more than is known, or less than what there was before the prompt.</exception>
    public void Resume(Sequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Owner != Sequence.Owner || sequence.Length < _start || sequence.Length > _start + _knownCount)
        {
            throw new ArgumentException($"The sequence holds {sequence.Length} tokens; this continuation goes on " +
                $"after {_start} to {_start + _knownCount}.", nameof(sequence));
        }
        Sequence = sequence;
        (_guessEnd, _draftEnd) = (_knownCount, _knownCount);
    }

    /// <summary>Ends it from outside: a stop text appeared, or the caller cancelled.</summary>
    public void Finish(FinishReason reason)
    {
        End ??= reason;
        DropWrongGuesses();
    }

    private int? Choose(ReadOnlySpan<float> row, IReadOnlyList<int> refused)
    {
        try
        {
            return _choice.Of(row, _start + _knownCount, refused);
        }
        catch (LogitsException e)
        {
            throw new LogitsException(e.Message, e) { Ids = _start == 0 ? Known.ToArray() : default };
        }
    }

    // Log-probabilities are of rows, so where they are asked for every token gets one.
    private bool DecideForced()
    {
        int before = _knownCount;
        while (End is null && _closing is null && _options.TopLogProbabilities is null && _constraint?.Forced() is { Count: > 0 } forced)
        {
            if (_budget?.Allows(forced) == false)
                _closing = new(_budget.End);
            for (int i = 0; i < forced.Count && End is null && _closing is null; i++)
                Decide(forced[i]);
        }
        return _knownCount > before;
    }

    // What closes the answer, one token a row as the rest is.
    private bool DecideClosing()
    {
        if (_closing is null && _budget is { IsDue: true })
            _closing = new(_budget.End);
        if (_closing is null)
            return false;
        Decide(_closing.Dequeue());
        return true;
    }

    // Null where what is likely would leave no room to close the answer.
    private int? Choose(ReadOnlySpan<float> row)
    {
        var refused = new List<int>();
        while (refused.Count < MostRefused && Choose(row, refused) is { } id)
        {
            if (_budget?.Allows([id]) != false)
                return id;
            refused.Add(id);
        }
        _closing = new(_budget!.End);
        return null;
    }

    // What was fed beyond the decisions goes; at the end also what was decided last, which is never fed.
    private void DropWrongGuesses() => GoBack(End is null ? _draftEnd : _takenAt);

    private void GoBack(int known)
    {
        if (Sequence.Length > _start + known)
            Sequence.Truncate(_start + known);
    }

    private void Decide(int id)
    {
        _constraint?.Accept(id);
        _budget?.Take();
        _choice.Count(id);
        if (_knownCount < _guessEnd)
            Compare(id);
        if (_known.Length == _knownCount)
            Array.Resize(ref _known, _knownCount + Math.Max(16, _knownCount / 4));
        _known[_knownCount++] = id;
        if (_options.StopTokens.Contains(id) || _constraint is { IsComplete: true })
            End = _closing is null ? FinishReason.Stop : FinishReason.Length;
        else if (_knownCount - _promptLength >= MostTokens)
            End = FinishReason.Length;
    }

    // A wrong guess makes what was guessed behind it worthless.
    private void Compare(int id)
    {
        bool isRight = _known[_knownCount] == id;
        _drafting!.Judge(_guessKind, isRight);
        if (!isRight)
            (_guessEnd, _draftEnd) = (_knownCount, Math.Min(_draftEnd, _knownCount));
        else if (_knownCount < _draftEnd)
            AcceptedTokens++;
    }

    private void Require(bool isItsTurn)
    {
        if (End is { } end)
            throw new InvalidOperationException($"This continuation has ended: {end}.");
        if (!isItsTurn)
            throw new InvalidOperationException(AwaitsRow ? "A row is to be taken before more is fed." : "More is to be fed before a row is taken.");
    }

    // The last token is chosen and never fed, so it needs no place in the context.
    private static int Most(int asked, int left) => Math.Min(asked, left + 1);
}
