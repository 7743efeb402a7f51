using System.Diagnostics;
using System.Text;
using GptOss.Reference.Model;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Generation;

/// <summary>Continues a prompt: reads it in chunks, then chooses, shows and feeds one token after the other.</summary>
/// <remarks>
/// The draw of a token is numbered by the token's position, so a seed gives the same text on every machine, however the prompt was fed.
/// Holds no state of its own between calls.
/// </remarks>
/// <param name="model">What gives the logits.</param>
/// <param name="tokenizer">What the ids mean.</param>
public sealed class Generator(Transformer model, Tokenizer tokenizer)
{
    /// <summary>Continues a prompt in a sequence of its own.</summary>
    /// <inheritdoc cref="Generate(Sequence, ReadOnlyMemory{int}, GenerationOptions, Action{int}?, Action{GeneratedToken}?, CancellationToken)"/>
    public GenerationResult Generate(ReadOnlyMemory<int> prompt, GenerationOptions options,
        Action<int>? promptRead = null, Action<GeneratedToken>? tokenChosen = null, CancellationToken cancellation = default) =>
        Generate(model.NewSequence(), prompt, options, promptRead, tokenChosen, cancellation);

    /// <summary>Continues a sequence by a prompt and then by tokens of the model's choice. The last token chosen is not fed.</summary>
    /// <param name="sequence">A sequence of this model; extended.</param>
    /// <param name="prompt">Ids that follow the sequence, at least one.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="promptRead">Is told after each chunk how many tokens of the prompt have been read.</param>
    /// <param name="tokenChosen">Is given each token before the next one is computed.</param>
    /// <param name="cancellation">Looked at between the stages of the prompt and between tokens; what was produced until then is returned.</param>
    /// <exception cref="PromptException">The prompt is empty, exceeds the context, or has an unknown id.</exception>
    /// <exception cref="LogitsException">A row that a token is to be chosen from holds a NaN, or nothing above −∞.</exception>
    public GenerationResult Generate(Sequence sequence, ReadOnlyMemory<int> prompt, GenerationOptions options,
        Action<int>? promptRead = null, Action<GeneratedToken>? tokenChosen = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        ArgumentNullException.ThrowIfNull(options);
        PromptLimits.Require(model.Config, prompt.Span, sequence.Length);
        using var answer = new Answer(tokenizer, options, tokenChosen);
        var logits = new LogitsBuffer();
        for (int read = 0; read < prompt.Length;)
        {
            ReadOnlyMemory<int> chunk = prompt.Slice(read, Math.Min(Sequence.ChunkTokens, prompt.Length - read));
            try
            {
                model.Forward(new BatchItem(sequence, chunk, read + chunk.Length == prompt.Length ? LogitRows.Last : LogitRows.None), logits, cancellation);
            }
            catch (OperationCanceledException)
            {
                return answer.End(FinishReason.Cancelled, read);
            }
            read += chunk.Length;
            promptRead?.Invoke(read);
        }
        answer.EndPrefill();

        // The last token is chosen and never fed, so it needs no place in the context.
        int most = Math.Min(options.MaxTokens, model.Config.MaxPositions - sequence.Length + 1);
        var sampler = new Sampler();
        int[] fed = new int[1];
        while (true)
        {
            if (cancellation.IsCancellationRequested) return answer.End(FinishReason.Cancelled, prompt.Length);
            fed[0] = sampler.Choose(logits[0], options.Sampling, sequence.Length);
            if (answer.Add(fed[0], logits[0])) return answer.End(FinishReason.Stop, prompt.Length);
            if (answer.Count >= most) return answer.End(FinishReason.Length, prompt.Length);
            try
            {
                model.Forward(new BatchItem(sequence, fed, LogitRows.Last), logits, cancellation);
            }
            catch (OperationCanceledException)
            {
                return answer.End(FinishReason.Cancelled, prompt.Length);
            }
        }
    }

    /// <summary>What has been generated so far.</summary>
    private sealed class Answer(Tokenizer tokenizer, GenerationOptions options, Action<GeneratedToken>? tokenChosen) : IDisposable
    {
        private readonly List<int> _ids = [];
        private readonly List<LogProbabilities>? _logProbabilities = options.TopLogProbabilities is null ? null : [];
        private readonly LogitsHash _hash = new();
        private readonly StreamingDecoder _decoder = new(tokenizer);
        private readonly StopText _stop = new(options.StopTexts);
        private readonly StringBuilder _text = new();
        private readonly long _begin = Stopwatch.GetTimestamp();
        private TimeSpan? _prefill;

        internal int Count => _ids.Count;

        public void Dispose() => _hash.Dispose();

        internal void EndPrefill() => _prefill = Stopwatch.GetElapsedTime(_begin);

        /// <summary>Takes a chosen token and its row; true if the answer is complete.</summary>
        internal bool Add(int id, ReadOnlySpan<float> logits)
        {
            _ids.Add(id);
            _hash.Add(logits);
            LogProbabilities? logProbabilities = options.TopLogProbabilities is { } top ? LogProbabilities.Of(logits, id, top) : null;
            if (logProbabilities is not null) _logProbabilities!.Add(logProbabilities);
            bool isStop = options.StopTokens.Contains(id);
            string text = isStop ? "" : _stop.Append(_decoder.Append(id));
            _text.Append(text);
            tokenChosen?.Invoke(new GeneratedToken(id, isStop, text, logProbabilities));
            return isStop || _stop.HasStopped;
        }

        internal GenerationResult End(FinishReason reason, int promptTokens)
        {
            string rest = _stop.Append(_decoder.Flush()) + _stop.Flush();
            TimeSpan total = Stopwatch.GetElapsedTime(_begin), prefill = _prefill ?? total;
            return new GenerationResult
            {
                Ids = _ids,
                Text = _text.Append(rest).ToString(),
                Rest = rest,
                FinishReason = reason,
                PromptTokens = promptTokens,
                LogProbabilities = _logProbabilities,
                LogitsHash = _hash.ToString(),
                PrefillTime = prefill,
                DecodeTime = total - prefill,
            };
        }
    }
}
