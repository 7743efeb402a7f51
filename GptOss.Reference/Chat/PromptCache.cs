using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Reference.Chat;

/// <summary>One sequence and the ids it was fed, so that a prompt is read only from the first token that differs from what was fed before.</summary>
/// <remarks>
/// What follows has the bits of a fresh run, because a sequence that went back does. The last token of a prompt is always fed again: it gives
/// the logits. Before it the sequence is marked, so that the next turn, which diverges from this one after the prompt, finds its way back.
/// </remarks>
internal sealed class PromptCache(Transformer model)
{
    private readonly Sequence _sequence = model.NewSequence();
    private readonly LogitsBuffer _logits = new();
    private readonly PassCosts _costs = new();
    private int[] _prompt = [];
    private Decoding? _decoding;

    /// <summary>Ids whose keys and values are held.</summary>
    internal IReadOnlyList<int> Fed => [.. _prompt.Concat(_decoding?.Ids ?? []).Take(_sequence.Length)];

    /// <summary>How many those are.</summary>
    internal int Held => _sequence.Length;

    /// <summary>Bytes of cache and marks.</summary>
    internal long Bytes => _sequence.CacheBytes + _sequence.MarkBytes;

    /// <summary>Goes back to the first token of a prompt that differs from what was fed, and begins its continuation there.</summary>
    /// <param name="prompt">The whole prompt.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="mark">Whether to remember the place before the answer.</param>
    /// <exception cref="PromptException">The model cannot read the prompt.</exception>
    /// <exception cref="BudgetException">No answer can be closed within its budget.</exception>
    internal Decoding Begin(int[] prompt, GenerationOptions options, bool mark)
    {
        PromptLimits.Require(model.Config, prompt);
        int common = Fed.Zip(prompt.SkipLast(1)).TakeWhile(pair => pair.First == pair.Second).Count(), held = _sequence.Truncate(common);
        (_prompt, _decoding) = (prompt, null);
        return _decoding = new(_sequence, prompt, options, held)
        {
            MarksPrompt = mark,
            Drafting = options.Speculate > 0 ? new(options.Speculate, PromptLookup.Guess, _costs) : null,
        };
    }

    /// <summary>Feeds what is next on the thread pool, and chooses from the logits once they are there.</summary>
    /// <returns>The tokens that were chosen; none while the prompt is read.</returns>
    /// <exception cref="OperationCanceledException">The caller cancelled; what was fed stays.</exception>
    internal Task<int[]> StepAsync(Decoding decoding, CancellationToken cancellation) => Task.Run(
        () => decoding.Feed(model, _logits, cancellation) ? decoding.Take(_logits[decoding.NextRow]).ToArray() : [], CancellationToken.None);
}
