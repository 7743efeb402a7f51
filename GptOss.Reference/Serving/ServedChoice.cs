using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Reference.Serving;

/// <summary>One answer at a scheduler: which tokens it feeds next, and what it makes of the row of logits that comes back.</summary>
internal sealed class ServedChoice
{
    private readonly ServingRequest _request;
    private readonly ServedGeneration _generation;
    private readonly int _index;
    private readonly List<int> _ids;                                     // prompt and answer
    private readonly Sampler _sampler = new();
    private readonly SamplingOptions _sampling;
    private readonly Dictionary<int, int>? _counts;
    private readonly TokenConstraint? _constraint;
    private readonly int _maxTokens;
    private Queue<int>? _closing;                                        // what closes an answer whose budget ends
    private float[] _changed = [];
    private ulong[] _mask = [];

    internal ServedChoice(ServedGeneration generation, int index, int contextTokens)
    {
        (_generation, _request, _index) = (generation, generation.Request, index);
        _ids = [.. _request.Prompt.Span];
        _sampling = _request.Sampling with { Seed = unchecked(_request.Sampling.Seed + (ulong)index) };
        _counts = _request.Penalties is null ? null : [];
        _constraint = _request.Constraint?.Fork();
        // The last token is chosen and never fed, so it needs no place in the context.
        _maxTokens = Math.Min(_request.MaxTokens, contextTokens - _request.Prompt.Length + 1);
    }

    /// <summary>The sequence it feeds; null while it waits, or gave way to others.</summary>
    internal Sequence? Sequence { get; set; }

    /// <summary>Whether the answer has ended.</summary>
    internal bool HasEnded { get; private set; }

    internal ServedGeneration Generation => _generation;

    internal int Index => _index;

    /// <summary>Prompt and answer so far.</summary>
    internal ReadOnlySpan<int> Ids => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_ids);

    internal int AnswerTokens => _ids.Count - _request.Prompt.Length;

    /// <summary>Tokens that are known and not yet fed.</summary>
    internal int Unfed => _ids.Count - (Sequence?.Length ?? 0);

    /// <summary>The next tokens to feed, at most so many.</summary>
    internal BatchItem Next(int most)
    {
        int fed = Sequence!.Length, count = Math.Min(most, _ids.Count - fed);
        int[] tokens = _ids.GetRange(fed, count).ToArray();
        return new BatchItem(Sequence, tokens, fed + count == _ids.Count ? LogitRows.Last : LogitRows.None);
    }

    /// <summary>Chooses the next token, or takes tokens that the constraint forces, and hands them on.</summary>
    /// <param name="logits">The row after the last known token.</param>
    /// <exception cref="LogitsException">The row holds a NaN, or nothing above −∞ is allowed.</exception>
    internal void Take(ReadOnlySpan<float> logits)
    {
        if (_closing is null && _request.CloseOnBudget && _constraint?.ShortestEnd() is { Count: > 0 } end && end.Count >= _maxTokens - AnswerTokens)
            _closing = new Queue<int>(end);
        if (_closing is not null)
        {
            Add(_closing.Dequeue(), logits);
            return;
        }

        // Forced tokens have no row of their own, so where log-probabilities are wanted each is chosen: the mask leaves one.
        if (_request.TopLogProbabilities is null && _constraint?.Forced() is { Count: > 0 } forced)
        {
            foreach (int id in forced)
            {
                Add(id, logits);
                if (HasEnded) return;
            }

            return;
        }

        Add(Choose(logits), logits);
    }

    private int Choose(ReadOnlySpan<float> logits)
    {
        ReadOnlySpan<float> row = logits;
        if (_request.Penalties is { } penalties)
        {
            if (_changed.Length < logits.Length) _changed = new float[logits.Length];
            logits.CopyTo(_changed);
            penalties.Apply(_changed.AsSpan(0, logits.Length), _counts!);
            row = _changed.AsSpan(0, logits.Length);
        }

        long step = _ids.Count;                                          // the position of the token that is chosen
        if (_constraint is null) return _sampler.Choose(row, _sampling, step);
        if (_mask.Length == 0) _mask = new ulong[TokenConstraint.MaskWords(logits.Length)];
        return _constraint.Fill(_mask) ? _sampler.Choose(row, _sampling, step, _mask) : _sampler.Choose(row, _sampling, step);
    }

    private void Add(int id, ReadOnlySpan<float> logits)
    {
        LogProbabilities? logProbabilities = _request.TopLogProbabilities is { } top ? LogProbabilities.Of(logits, id, top) : null;
        _constraint?.Accept(id);
        _ids.Add(id);
        if (_counts is not null) _counts[id] = _counts.GetValueOrDefault(id) + 1;
        bool isStop = _request.StopTokens.Contains(id) || _constraint?.IsComplete == true;
        FinishReason? finish = isStop && _closing is null ? FinishReason.Stop : isStop || AnswerTokens >= _maxTokens ? FinishReason.Length : null;
        HasEnded = finish is not null;
        _generation.Give(new ServedToken(_index, id, logProbabilities, finish));
    }
}
