using System.Diagnostics;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;

namespace GptOss.Reference.Chat;

/// <summary>One sequence and the ids it was fed, so that a prompt is read only from where it parts from what was fed before.</summary>
/// <remarks>
/// What follows has the bits of a fresh run, because a sequence that went back does. The last token of a prompt is always fed anew: it gives
/// the logits. Before it the sequence is marked, so that the next turn, which parts from this one after the prompt, finds its way back.
/// </remarks>
internal sealed class PromptCache(Transformer model)
{
    private readonly Sequence _sequence = model.NewSequence();
    private readonly LogitsBuffer _logits = new();
    private int[] _prompt = [];
    private Decoding? _decoding;

    /// <summary>Ids whose keys and values are held.</summary>
    internal IReadOnlyList<int> Fed => [.. _prompt.Concat(_decoding?.Ids ?? []).Take(_sequence.Length)];

    /// <summary>Bytes of cache and marks.</summary>
    internal long Bytes => _sequence.CacheBytes + _sequence.MarkBytes;

    /// <summary>Goes back to where a prompt parts from what was fed, and begins its continuation there.</summary>
    /// <param name="prompt">The whole prompt.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="mark">Whether to remember the place before the answer.</param>
    /// <exception cref="PromptException">The model cannot read the prompt.</exception>
    internal Decoding Begin(int[] prompt, GenerationOptions options, bool mark)
    {
        PromptLimits.Require(model.Config, prompt);
        int common = Fed.Zip(prompt.SkipLast(1)).TakeWhile(pair => pair.First == pair.Second).Count(), held = _sequence.Truncate(common);
        (_prompt, _decoding) = (prompt, null);
        return _decoding = new(_sequence, prompt, options, held) { MarksPrompt = mark };
    }

    /// <summary>Reads a prompt from where it parts from what was fed, and continues it.</summary>
    /// <inheritdoc cref="Begin"/>
    /// <param name="prompt">The whole prompt.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="mark">Whether to remember the place before the answer.</param>
    /// <param name="read">Receives, at first and after each chunk, how many tokens are held, and how many were at first.</param>
    /// <param name="written">Receives each token, and whether it is a stop token.</param>
    /// <param name="cancellation">Looked at before every block of every pass.</param>
    internal CachedGeneration Generate(int[] prompt, GenerationOptions options, bool mark,
        Action<int, int> read, Action<int, bool> written, CancellationToken cancellation)
    {
        long begin = Stopwatch.GetTimestamp();
        Decoding decoding = Begin(prompt, options, mark);
        int reused = _sequence.Length;
        read(reused, reused);
        TimeSpan? readTime = null;
        while (decoding.End is null)
        {
            bool hasRow;
            try
            {
                hasRow = decoding.Feed(model, _logits, cancellation);
            }
            catch (OperationCanceledException)
            {
                decoding.Finish(FinishReason.Cancelled);
                break;
            }
            if (decoding.Ids.Count == 0)
                read(_sequence.Length, reused);
            if (!hasRow)
                continue;
            readTime ??= Stopwatch.GetElapsedTime(begin);
            foreach (int id in decoding.Take(_logits[0]))
                written(id, options.StopTokens.Contains(id));
        }
        TimeSpan total = Stopwatch.GetElapsedTime(begin);
        return new(decoding.Ids, decoding.End!.Value, reused, decoding.PromptRead - reused, readTime ?? total, total - (readTime ?? total));
    }
}

/// <summary>What was generated, and what it took.</summary>
/// <param name="Ids">The new tokens, a stop token included.</param>
/// <param name="FinishReason">Why it ended.</param>
/// <param name="Reused">Tokens of the prompt that were held.</param>
/// <param name="Read">Tokens of the prompt that were fed.</param>
/// <param name="ReadTime">How long that took.</param>
/// <param name="WriteTime">How long the new tokens took.</param>
internal sealed record CachedGeneration(
    IReadOnlyList<int> Ids, FinishReason FinishReason, int Reused, int Read, TimeSpan ReadTime, TimeSpan WriteTime);
