using System.Diagnostics;
using GptOss.Reference.Generation;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Chat;

/// <summary>One sequence and the ids it was fed, so that a prompt is read only from where it parts from what was fed before.</summary>
/// <remarks>
/// What follows has the bits of a fresh run, because a sequence that went back does. The last token of a prompt is always fed anew: it gives
/// the logits. Before it the sequence is marked, so that the next turn, which parts from this one after the prompt, finds its way back.
/// </remarks>
internal sealed class PromptCache(Transformer model, Tokenizer tokenizer)
{
    private readonly Generator _generator = new(model, tokenizer);
    private readonly Sequence _sequence = model.NewSequence();
    private readonly List<int> _fed = [];
    private readonly LogitsBuffer _unread = new();

    /// <summary>Ids whose keys and values are held.</summary>
    internal IReadOnlyList<int> Fed => _fed;

    /// <summary>Bytes of cache and marks.</summary>
    internal long Bytes => _sequence.CacheBytes + _sequence.MarkBytes;

    /// <summary>Reads a prompt from where it parts from what was fed, and continues it.</summary>
    /// <param name="prompt">The whole prompt.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="mark">Whether to remember the place before the answer.</param>
    /// <param name="read">Is told after each chunk how many tokens are held, and at first how many still were.</param>
    /// <param name="written">Is given each token.</param>
    /// <param name="cancellation">Looked at between the stages of the prompt and between tokens.</param>
    internal CachedGeneration Generate(int[] prompt, GenerationOptions options, bool mark,
        Action<int, int> read, Action<GeneratedToken> written, CancellationToken cancellation)
    {
        PromptLimits.Require(model.Config, prompt);
        long begin = Stopwatch.GetTimestamp();
        int reused = GoBack(prompt);
        read(reused, reused);
        while (_fed.Count < prompt.Length - 1)
        {
            Memory<int> chunk = prompt.AsMemory(_fed.Count, Math.Min(Sequence.ChunkTokens, prompt.Length - 1 - _fed.Count));
            try
            {
                model.Forward(new BatchItem(_sequence, chunk, LogitRows.None), _unread, cancellation);
            }
            catch (OperationCanceledException)
            {
                return new([], FinishReason.Cancelled, reused, _fed.Count - reused, Stopwatch.GetElapsedTime(begin), TimeSpan.Zero);
            }
            _fed.AddRange(chunk.Span);
            read(_fed.Count, reused);
        }

        if (mark)
            _sequence.Mark();
        TimeSpan readTime = Stopwatch.GetElapsedTime(begin);
        var ids = new List<int>();
        try
        {
            GenerationResult result = _generator.Generate(_sequence, prompt.AsMemory(prompt.Length - 1), options, null, token =>
            {
                ids.Add(token.Id);
                written(token);
            }, cancellation);
            return new(ids, result.FinishReason, reused, prompt.Length - reused, readTime + result.PrefillTime, result.DecodeTime);
        }
        finally
        {
            _fed.AddRange([.. ((int[])[prompt[^1], .. ids]).Take(_sequence.Length - _fed.Count)]);
        }
    }

    private int GoBack(int[] prompt)
    {
        int common = 0;
        while (common < _fed.Count && common < prompt.Length - 1 && _fed[common] == prompt[common])
            common++;
        int held = _sequence.Truncate(common);
        _fed.RemoveRange(held, _fed.Count - held);
        return held;
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
