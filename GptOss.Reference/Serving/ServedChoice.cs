using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Reference.Serving;

/// <summary>
/// One answer at a scheduler: a <see cref="Decoding"/> that may wait for its sequence, or lose it to others, and hands its tokens on.
/// </summary>
internal sealed class ServedChoice
{
    private readonly ServedGeneration _generation;
    private readonly GenerationOptions _options;
    private readonly int _index;
    private readonly Drafting? _drafting;
    private Decoding? _decoding;
    private Sequence? _sequence;

    internal ServedChoice(ServedGeneration generation, int index, Drafting? drafting)
    {
        (_generation, _index, _drafting) = (generation, index, drafting);
        ServingRequest request = generation.Request;
        _options = new GenerationOptions
        {
            Sampling = request.Sampling with { Seed = unchecked(request.Sampling.Seed + (ulong)index) },
            Penalties = request.Penalties,
            MaxTokens = request.MaxTokens,
            StopTokens = request.StopTokens,
            Constraint = request.Constraint,
            CloseOnBudget = request.CloseOnBudget,
            TopLogProbabilities = request.TopLogProbabilities,
        };
    }

    /// <summary>The sequence it feeds, which holds the beginning of its tokens; null while it waits, or gave way to others.</summary>
    internal Sequence? Sequence
    {
        get => _sequence;
        set
        {
            _sequence = value;
            if (value is null)
                return;
            if (_decoding is null)
                _decoding = new Decoding(value, _generation.Request.Prompt, _options, held: value.Length) { Drafting = _drafting };
            else
                _decoding.Resume(value);
        }
    }

    /// <summary>Whether the answer has ended.</summary>
    internal bool HasEnded => _decoding?.End is not null;

    internal ServedGeneration Generation => _generation;

    internal int Index => _index;

    /// <summary>Prompt and answer so far.</summary>
    internal ReadOnlySpan<int> Ids => _decoding is null ? _generation.Request.Prompt.Span : _decoding.Known;

    internal int AnswerTokens => _decoding?.Ids.Count ?? 0;

    /// <summary>Tokens that are known and not yet fed.</summary>
    internal int Unfed => _decoding!.Unfed;

    /// <summary>The next tokens to feed, at most so many, with guesses behind them where the pass is shared by so many answers.</summary>
    internal BatchItem Next(int most, int answers) => _decoding!.Next(most, answers);

    /// <summary>Whether a row is to be taken.</summary>
    internal bool AwaitsRow => _decoding!.AwaitsRow;

    /// <summary>Which of the rows that its tokens gave.</summary>
    internal int NextRow => _decoding!.NextRow;

    /// <summary>Forgets a pass that failed.</summary>
    internal void Rewind() => _decoding!.Rewind();

    /// <summary>Decides the next tokens, and hands them on.</summary>
    /// <param name="logits">The row after the last known token.</param>
    /// <exception cref="LogitsException">The row holds a NaN, or nothing above −∞ is allowed.</exception>
    internal void Take(ReadOnlySpan<float> logits)
    {
        ReadOnlySpan<int> ids = _decoding!.Take(logits);
        for (int i = 0; i < ids.Length; i++)
        {
            LogProbabilities? logProbabilities = _options.TopLogProbabilities is { } top ? LogProbabilities.Of(logits, ids[i], top) : null;
            _generation.Give(new ServedToken(_index, ids[i], logProbabilities, i == ids.Length - 1 ? _decoding.End : null));
        }
    }
}
