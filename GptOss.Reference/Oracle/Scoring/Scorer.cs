using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>How documents are scored.</summary>
public sealed record ScoreOptions
{
    /// <summary>Tokens that a token may look back to, itself included; longer documents are cut into windows. Null for the model's context.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 2.</exception>
    public int? Context
    {
        get;
        init => field = value is null or >= 2 ? value
            : throw new ArgumentOutOfRangeException(nameof(Context), value,
                "A token is scored after at least one other, so the context is at least 2.");
    }

    /// <summary>How many of the most probable tokens are listed at each place.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int Top
    {
        get;
        init => field =
            value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Top), value, "The number of most probable tokens is at least 0.");
    }

    /// <summary>Windows that pass through the model together. Changes no bit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int Batch
    {
        get;
        init => field = value >= 1
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Batch), value, "At least 1 window passes through the model at a time.");
    } = 16;

    /// <summary>What the scores are compared with.</summary>
    public OtherEngine? Other { get; init; }

    /// <summary>
    /// Receives after each pass of the model how many bytes of lines, in proportion to their tokens, and how many tokens it has read.
    /// </summary>
    public Action<double, int>? Read { get; init; }
}

/// <summary>Teacher forcing: every token's log-probability after the ones before it, many documents at a time.</summary>
/// <remarks>The same bits whatever the batch, the threads and the documents around it.</remarks>
/// <param name="model">The model.</param>
/// <param name="tokenizer">Says how many bytes a token stands for.</param>
/// <param name="options">How to score.</param>
public sealed class Scorer(Transformer model, Tokenizer tokenizer, ScoreOptions options)
{
    /// <summary>Logits that one call returns at most, 256 MiB: 333 rows of the published vocabulary.</summary>
    private const int LogitsFloats = 1 << 26;

    /// <summary>Documents that wait for one before them; only a crowd of documents without windows, of one token or none, reaches it.</summary>
    private const int MostWaiting = 1024;

    private readonly int _context = options.Context ?? model.Config.MaxPositions;
    private readonly int _tokensPerCall = Math.Clamp(LogitsFloats / model.Config.VocabSize, 1, Sequence.ChunkTokens);
    private readonly Stack<Sequence> _free = new();
    private readonly LogitsBuffer _logits = new();

    /// <summary>Scores documents, in their order.</summary>
    /// <param name="documents">They are taken as they are needed.</param>
    /// <param name="cancellation">Looked at between passes of the model.</param>
    /// <exception cref="ArgumentOutOfRangeException">The context is larger than the model's.</exception>
    /// <exception cref="ScoringException">What the scores are compared with does not fit, or the model's context holds a single token.</exception>
    /// <exception cref="LogitsException">The model gives a row that holds a NaN, or rules out a token that follows.</exception>
    public IEnumerable<DocumentScore> Score(IEnumerable<ScoreDocument> documents, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_context, model.Config.MaxPositions, nameof(options));
        if (_context < 2)
            throw new ScoringException("The model's context holds 1 token; a token is scored by those before it, so 2 are needed.");
        return Run(documents, cancellation);
    }

    private IEnumerable<DocumentScore> Run(IEnumerable<ScoreDocument> documents, CancellationToken cancellation)
    {
        var waiting = new Queue<DocumentInWork>();
        var pass = new List<WindowPiece>();
        int room = _tokensPerCall;
        foreach (ScoreDocument document in documents)
        {
            cancellation.ThrowIfCancellationRequested();
            var work = new DocumentInWork(document, _context, options);
            waiting.Enqueue(work);
            foreach (Window window in work.Windows)
            {
                Sequence sequence = _free.TryPop(out Sequence? used) ? used : model.NewSequence();
                int[] offsets = [.. Enumerable.Range(0, window.FedTokens).Skip(window.FirstScored - 1 - window.Start)];
                TokenFeed feed = new(sequence, work.Ids.Slice(window.Start, window.FedTokens), LogitRows.At(offsets));
                for (bool isLast = false; !isLast;)
                {
                    BatchItem item = feed.Next(room);
                    isLast = item.Tokens.Length == feed.Left;
                    pass.Add(new(work, window.Start + feed.Fed, item, isLast));
                    room -= item.Tokens.Length;
                    if (room > 0 && pass.Count < options.Batch)
                        continue;
                    Pass(pass, cancellation);
                    room = _tokensPerCall;
                }
            }
            if (waiting.Count == MostWaiting)
            {
                Pass(pass, cancellation);
                room = _tokensPerCall;
            }
            while (waiting.TryPeek(out DocumentInWork? first) && first.IsDone)
                yield return waiting.Dequeue().Result(tokenizer);
        }
        Pass(pass, cancellation);
        while (waiting.TryDequeue(out DocumentInWork? rest))
            yield return rest.Result(tokenizer);
    }

    /// <summary>One pass of the model over pieces of windows, and the log-probabilities of its rows.</summary>
    private void Pass(List<WindowPiece> pieces, CancellationToken cancellation)
    {
        if (pieces.Count == 0)
            return;
        model.Forward([.. pieces.Select(piece => piece.Item)], _logits, cancellation);
        (DocumentInWork Work, int Token)[] rows = [.. pieces.SelectMany(piece => piece.Scored.Select(token => (piece.Work, token)))];
        var failures = new Exception?[rows.Length];
        Parallel.For(0, rows.Length, new ParallelOptions { MaxDegreeOfParallelism = model.Threads }, row =>
        {
            try
            {
                rows[row].Work.Take(rows[row].Token, _logits[row]);
            }
            catch (Exception e) when (e is LogitsException or ScoringException)
            {
                failures[row] = e;                      // the first row's is thrown, whichever thread comes first
            }
        });
        if (Array.Find(failures, failure => failure is not null) is { } first)
            throw first;
        foreach (WindowPiece piece in pieces)
        {
            options.Read?.Invoke(piece.Work.LineBytesOf(piece.Count), piece.Count);
            // A long document's cache may take gigabytes: only caches of about one chunk are used again.
            if (!piece.IsLast)
                continue;
            if (piece.Item.Sequence.Length <= Sequence.ChunkTokens)
            {
                piece.Item.Sequence.Truncate(0);
                _free.Push(piece.Item.Sequence);
            }
            else
            {
                piece.Item.Sequence.Dispose();
            }
        }
        pieces.Clear();
    }

    /// <summary>Consecutive tokens of a window that one pass reads.</summary>
    /// <param name="Work">The document.</param>
    /// <param name="First">The first token's place in it.</param>
    /// <param name="Item">What is fed.</param>
    /// <param name="IsLast">Whether nothing of the window is left.</param>
    private readonly record struct WindowPiece(DocumentInWork Work, int First, BatchItem Item, bool IsLast)
    {
        internal int Count => Item.Tokens.Length;

        /// <summary>The tokens of the document that the rows predict.</summary>
        internal IEnumerable<int> Scored
        {
            get
            {
                int next = First + 1;
                return Item.Logits.Offsets(Count).Select(offset => next + offset);
            }
        }
    }
}
