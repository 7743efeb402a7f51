using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Oracle.Scoring;

/// <summary>A document whose rows come in one by one, from several threads.</summary>
internal sealed class DocumentInWork
{
    private readonly ScoreDocument _document;
    private readonly OtherScores? _other;
    private readonly int _top;
    private readonly double?[] _values;
    private readonly IReadOnlyList<TokenLogProbability>?[] _tops;
    private readonly TokenComparison?[]? _comparisons;
    private int _missing;

    internal DocumentInWork(ScoreDocument document, int context, ScoreOptions options)
    {
        Windows = [.. Window.Of(document.Ids.Length, context)];
        int tokens = document.Ids.Length;
        (_document, _other, _top) = (document, options.Other?.Of(document), options.Top);
        (_values, _missing) = (new double?[tokens], Math.Max(0, tokens - 1));
        _tops = _top == 0 ? [] : new IReadOnlyList<TokenLogProbability>?[tokens];
        _comparisons = _other is null ? null : new TokenComparison?[tokens];
    }

    internal ReadOnlyMemory<int> Ids => _document.Ids;

    /// <summary>Whether every token but the first has its value.</summary>
    internal bool IsDone => _missing == 0;

    /// <summary>What the document is cut into; nothing where it has less than two tokens.</summary>
    internal IReadOnlyList<Window> Windows { get; }

    /// <summary>The share of the line's bytes that goes with so many tokens fed: some are fed twice, in two windows.</summary>
    internal double LineBytesOf(int tokens) => _document.LineBytes * (double)tokens / Windows.Sum(window => (long)window.FedTokens);

    /// <summary>Takes the row that predicts a token.</summary>
    /// <exception cref="LogitsException">The row holds a NaN, or rules the token out.</exception>
    /// <exception cref="ScoringException">The other engine's row holds one.</exception>
    internal void Take(int token, ReadOnlySpan<float> logits)
    {
        try
        {
            var softmax = LogSoftmax.Of(logits);
            var row = LogProbabilities.Of(logits, softmax, _document.Ids.Span[token], _top);
            if (!double.IsFinite(row.Chosen.LogProbability))
                throw new LogitsException($"The logit of id {row.Chosen.Id}, which follows, is -infinity.");
            _values[token] = row.Chosen.LogProbability;
            if (_top > 0)
                _tops[token] = row.Top;
            if (_comparisons is not null)
                _comparisons[token] = _other!.Compare(token, logits, softmax);
            Interlocked.Decrement(ref _missing);
        }
        catch (LogitsException e)
        {
            Window window = Windows.First(window => token < window.End);
            string place = window.Start > 0 ? $", in the window that begins at token {window.Start}" : "";
            throw new LogitsException($"Document {_document.Id}, token {token}{place}: {e.Message}", e) { Ids = _document.Ids[window.Start..token] };
        }
    }

    internal DocumentScore Result(Tokenizer tokenizer) =>
        new(_document.Id, TextBytes(tokenizer), _values, _tops, _comparisons is null ? null : new(_other!.IsFull, _comparisons));

    private long TextBytes(Tokenizer tokenizer)
    {
        long bytes = 0;
        for (int i = 1; i < _document.Ids.Length; i++)
        {
            int id = _document.Ids.Span[i];
            if (!tokenizer.IsSpecial(id) && tokenizer.TryGetBytes(id, out ReadOnlyMemory<byte> text))
                bytes += text.Length;
        }
        return bytes;
    }
}
