using System.Diagnostics;
using System.Runtime.CompilerServices;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Chat;

/// <summary>One stretch of the model's writing: from a prompt to what ends it, read as messages while it is written.</summary>
/// <param name="cache">Where the prompt is read.</param>
/// <param name="tokenizer">What the tokens mean.</param>
/// <param name="prompt">The whole prompt.</param>
/// <param name="options">How tokens are chosen and what ends the stretch.</param>
/// <param name="mark">Whether the next turn diverges from this one where the writing begins.</param>
internal sealed class ModelWriting(PromptCache cache, Tokenizer tokenizer, int[] prompt, GenerationOptions options, bool mark)
{
    private readonly HarmonyParser _parser = new(tokenizer, Role.Assistant);
    private readonly Decoding _decoding = cache.Begin(prompt, options, mark);
    private int _told, _mended;
    private bool _isUnfinished;

    /// <summary>The whole prompt.</summary>
    internal int[] Prompt => prompt;

    /// <summary>Tokens of the prompt that the cache still held.</summary>
    internal int Reused { get; } = cache.Held;

    /// <summary>Tokens of the prompt that were fed.</summary>
    internal int Read => _decoding.PromptRead - Reused;

    /// <summary>What was written, a stop token included.</summary>
    internal IReadOnlyList<int> Ids => _decoding.Ids;

    /// <summary>What ended it.</summary>
    internal FinishReason End => _decoding.End ?? FinishReason.Cancelled;

    /// <summary>How long the model read.</summary>
    internal TimeSpan ReadTime { get; private set; }

    /// <summary>How long the model wrote.</summary>
    internal TimeSpan WriteTime { get; private set; }

    /// <summary>The messages to keep. What the model wrote in another's name is not among them: rendered again it would pass for genuine.</summary>
    internal IReadOnlyList<Message> Messages
    {
        get
        {
            Message[] own = [.. _parser.Messages.Where(message => message.Role == Role.Assistant)];
            // A call that was cut off is not a call.
            return _isUnfinished && own is [.., var last] && MessageKinds.Of(last) == MessageKind.Call ? own[..^1] : own;
        }
    }

    /// <summary>Reads and writes.</summary>
    internal async IAsyncEnumerable<ConversationEvent> RunAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        yield return new PromptRead(Reused, prompt.Length, Reused);
        while (_decoding.End is null)
        {
            bool isReading = _decoding.Ids.Count == 0;
            long begin = Stopwatch.GetTimestamp();
            int[] ids = [];
            try
            {
                ids = await cache.StepAsync(_decoding, cancellation).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                _decoding.Finish(FinishReason.Cancelled);
            }
            if (isReading)
                ReadTime += Stopwatch.GetElapsedTime(begin);
            else
                WriteTime += Stopwatch.GetElapsedTime(begin);
            if (isReading && _decoding.End != FinishReason.Cancelled)
                yield return new PromptRead(cache.Held, prompt.Length, Reused);
            foreach (int id in ids)
            {
                // A stop token ends the turn; the parser only has to know that nothing follows.
                MessageDelta? delta = options.StopTokens.Contains(id) ? null : _parser.Append(id);
                MessageKind kind = delta is { } text
                    ? MessageKinds.Of(text.Channel, text.Recipient)
                    : MessageKinds.Of(_parser.CurrentChannel, _parser.CurrentRecipient);
                yield return new TokenWritten(kind, delta);
                foreach (ConversationEvent news in News())
                    yield return news;
            }
        }
    }

    /// <summary>Ends the last message.</summary>
    /// <returns>What happened by that.</returns>
    internal List<ConversationEvent> Finish()
    {
        _isUnfinished = End != FinishReason.Stop && _parser.State != ParserState.ExpectStart;
        if (Ids.Count == 0)
            return [];
        List<ConversationEvent> events = [];
        if (_parser.End() is { } delta)
            events.Add(new TokenWritten(MessageKinds.Of(delta.Channel, delta.Recipient), delta));
        events.AddRange(News());
        events.AddRange(_parser.Messages.Where(message => message.Role != Role.Assistant).Select(message => new ForeignMessage(message)));
        return events;
    }

    private List<ConversationEvent> News()
    {
        List<ConversationEvent> news = [];
        for (; _told < _parser.Messages.Count; _told++)
            news.Add(new MessageWritten(MessageKinds.Of(_parser.Messages[_told]), _parser.Messages[_told]));
        for (; _mended < _parser.Repairs.Count; _mended++)
            news.Add(new Mended(_parser.Repairs[_mended]));
        return news;
    }
}
