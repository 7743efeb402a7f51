using GptOss.Reference.Model;

namespace GptOss.Reference.Generation;

/// <summary>One continuation of a sequence as a machine that is stepped from outside: it says what is fed next, takes the row that comes back, and knows when it ends.</summary>
/// <remarks>
/// <para>Whoever owns the model runs any number of them, alone or in one batch: <see cref="Next"/> gives a piece of the prompt, then what was decided last; once a pass
/// has fed all of it, <see cref="AwaitsRow"/> is true and <see cref="Take"/> chooses from the row. A pass that was cancelled is asked for again.</para>
/// <para>The draw of a token is numbered by the token's position, so a seed gives the same text on every machine, however the prompt was fed. The last token
/// chosen is not fed. Not thread-safe.</para>
/// </remarks>
public sealed class Decoding
{
    private readonly GenerationOptions _options;
    private readonly TokenConstraint? _constraint;
    private readonly Sampler _sampler = new();
    private readonly ulong[] _allowed;
    private readonly ReadOnlyMemory<int> _prompt;
    private readonly int _start;
    private readonly List<int> _ids = [];
    private int[] _decided = new int[1];
    private int _decidedCount;
    private TokenFeed _feed;

    /// <summary>Begins a continuation.</summary>
    /// <param name="sequence">What it continues; no one else may extend it until the end.</param>
    /// <param name="prompt">Ids that follow the sequence, at least one.</param>
    /// <param name="options">How tokens are chosen and when to stop; stop texts are the caller's to look for.</param>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    public Decoding(Sequence sequence, ReadOnlyMemory<int> prompt, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(options);
        PromptLimits.Require(sequence.Owner.Config, prompt.Span, sequence.Length);
        (_prompt, _options, _start) = (prompt, options, sequence.Length);
        _constraint = options.Constraint?.Fork();
        _allowed = _constraint is null ? [] : new ulong[TokenConstraint.MaskWords(sequence.Owner.Config.VocabSize)];
        _feed = new(sequence, prompt, LogitRows.Last);
        // The last token is chosen and never fed, so it needs no place in the context.
        MostTokens = Math.Min(options.MaxTokens, sequence.Owner.Config.MaxPositions - sequence.Length - prompt.Length + 1);
        if (_constraint is { IsComplete: true })
            End = FinishReason.Stop;
    }

    /// <summary>Marks the sequence before the prompt's last token, so that a prompt that parts from this one there or later finds its way back.</summary>
    public bool MarksPrompt { get; init; }

    /// <summary>What is continued.</summary>
    public Sequence Sequence => _feed.Sequence;

    /// <summary>Tokens of the prompt that the sequence holds.</summary>
    public int PromptRead => Math.Min(Sequence.Length - _start, _prompt.Length);

    /// <summary>The tokens that were decided, a stop token included.</summary>
    public IReadOnlyList<int> Ids => _ids;

    /// <summary>The most tokens that there can be: what was allowed, or what the context leaves.</summary>
    public int MostTokens { get; }

    /// <summary>Why it ended; null as long as it goes on.</summary>
    public FinishReason? End { get; private set; }

    /// <summary>Whether everything that was decided is fed, so that the row of its last token is to be taken.</summary>
    public bool AwaitsRow => End is null && _feed.Left == 0;

    /// <summary>What is fed next, with the logits of the last token once nothing more is to follow.</summary>
    /// <param name="most">The most tokens; where several sequences share a pass, less than a chunk.</param>
    /// <exception cref="InvalidOperationException">It has ended, or a row is to be taken first.</exception>
    public BatchItem Next(int most = Sequence.ChunkTokens)
    {
        Require(_feed.Left > 0);
        if (MarksPrompt && _ids.Count == 0)
        {
            if (_feed.Left > 1)
                most = Math.Min(most, _feed.Left - 1);
            else
                Sequence.Mark();
        }
        return _feed.Next(most);
    }

    /// <summary>Feeds what is next, alone.</summary>
    /// <param name="model">The model of the sequence.</param>
    /// <param name="into">Receives the row, if there is one.</param>
    /// <param name="cancellation">Ends the pass; the same is fed again by the next call.</param>
    /// <returns>Whether the row is there that <see cref="Take"/> chooses from.</returns>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public bool Feed(Transformer model, LogitsBuffer into, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        model.Forward(Next(), into, cancellation);
        return AwaitsRow;
    }

    /// <summary>Chooses the next token from the row of the last one.</summary>
    /// <returns>The tokens that are decided now: the chosen one, and those that a constraint leaves no choice about; valid until the next call.</returns>
    /// <exception cref="LogitsException">The row holds a NaN, or nothing above −∞ that is allowed.</exception>
    /// <exception cref="InvalidOperationException">No row is to be taken.</exception>
    public ReadOnlySpan<int> Take(ReadOnlySpan<float> row)
    {
        Require(AwaitsRow);
        bool isBound = _constraint is not null && _constraint.Fill(_allowed);
        return Put(isBound ? _sampler.Choose(row, _options.Sampling, Sequence.Length, _allowed) : _sampler.Choose(row, _options.Sampling, Sequence.Length));
    }

    /// <summary>Takes a token that was chosen elsewhere, such as one of a recording.</summary>
    /// <returns>As <see cref="Take"/>.</returns>
    /// <exception cref="ArgumentException">A constraint does not allow it.</exception>
    /// <exception cref="InvalidOperationException">No row is to be taken.</exception>
    public ReadOnlySpan<int> Put(int id)
    {
        Require(AwaitsRow);
        _decidedCount = 0;
        Decide(id);
        // Log-probabilities are of rows, so where they are asked for every token gets one.
        while (End is null && _options.TopLogProbabilities is null && _constraint?.Forced() is { Count: > 0 } forced)
        {
            for (int i = 0; i < forced.Count && End is null; i++)
                Decide(forced[i]);
        }
        _feed = new(Sequence, _decided.AsMemory(0, _decidedCount), LogitRows.Last);
        return _decided.AsSpan(0, _decidedCount);
    }

    /// <summary>Ends it from outside: a stop text appeared, or the caller cancelled.</summary>
    public void Finish(FinishReason reason) => End ??= reason;

    private void Decide(int id)
    {
        _constraint?.Accept(id);
        if (_decided.Length == _decidedCount)
            Array.Resize(ref _decided, 2 * _decidedCount);
        _decided[_decidedCount++] = id;
        _ids.Add(id);
        if (_options.StopTokens.Contains(id) || _constraint is { IsComplete: true })
            End = FinishReason.Stop;
        else if (_ids.Count >= MostTokens)
            End = FinishReason.Length;
    }

    private void Require(bool isItsTurn)
    {
        if (End is { } end)
            throw new InvalidOperationException($"This continuation has ended: {end}.");
        if (!isItsTurn)
            throw new InvalidOperationException(AwaitsRow ? "A row is to be taken before more is fed." : "More is to be fed before a row is taken.");
    }
}
