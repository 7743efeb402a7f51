using System.Diagnostics;
using System.Text;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation;

/// <summary>
/// What a <see cref="Decoding"/> has said so far, as text: decoded, cut at stop texts, with log-probabilities, the hash of its rows and the time it
/// took.
/// </summary>
/// <param name="decoding">The ids.</param>
/// <param name="tokenizer">What they mean.</param>
/// <param name="options">Stop texts, stop tokens and log-probabilities.</param>
internal sealed class Continuation(Decoding decoding, Tokenizer tokenizer, GenerationOptions options) : IDisposable
{
    private readonly List<LogProbabilities>? _logProbabilities = options.TopLogProbabilities is null ? null : [];
    private readonly Model.LogitsHash _hash = new();
    private readonly StreamingDecoder _decoder = new(tokenizer);
    private readonly StopText _stop = new(options.StopTexts);
    private readonly StringBuilder _text = new();
    private readonly List<GeneratedToken> _new = [];
    private readonly long _begin = Stopwatch.GetTimestamp();
    private TimeSpan? _prefill;

    public void Dispose() => _hash.Dispose();

    /// <summary>Chooses from a row.</summary>
    /// <returns>The tokens that are decided now; valid until the next call.</returns>
    internal List<GeneratedToken> Take(ReadOnlySpan<float> row)
    {
        _prefill ??= Stopwatch.GetElapsedTime(_begin);
        _new.Clear();
        ReadOnlySpan<int> ids = decoding.Take(row);
        _hash.Add(row);
        foreach (int id in ids)
        {
            LogProbabilities? logProbabilities = options.TopLogProbabilities is { } top ? LogProbabilities.Of(row, id, top) : null;
            if (logProbabilities is not null)
                _logProbabilities!.Add(logProbabilities);
            bool isStop = options.StopTokens.Contains(id);
            string text = isStop ? "" : _stop.Append(_decoder.Append(id));
            _text.Append(text);
            _new.Add(new(id, isStop, text, logProbabilities));
        }
        if (_stop.HasStopped)
            decoding.Finish(FinishReason.Stop);
        return _new;
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What came with no token: an unfinished character, or what began like a stop text.</returns>
    internal string Flush()
    {
        string rest = _stop.Append(_decoder.Flush()) + _stop.Flush();
        _text.Append(rest);
        return rest;
    }

    /// <summary>The whole, once it has ended.</summary>
    internal GenerationResult Result()
    {
        string rest = Flush();
        TimeSpan total = Stopwatch.GetElapsedTime(_begin), prefill = _prefill ?? total;
        return new GenerationResult
        {
            Ids = decoding.Ids,
            Text = _text.ToString(),
            Rest = rest,
            FinishReason = decoding.End!.Value,
            PromptTokens = decoding.PromptRead,
            LogProbabilities = _logProbabilities,
            LogitsHash = _hash.ToString(),
            DraftedTokens = decoding.DraftedTokens,
            AcceptedTokens = decoding.AcceptedTokens,
            PrefillTime = prefill,
            DecodeTime = total - prefill,
        };
    }
}
