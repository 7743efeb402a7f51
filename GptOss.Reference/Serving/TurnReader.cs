using System.Text;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Serving;

/// <summary>
/// Reads a turn's tokens one by one into events: which message begins, which text is certain, which message ends. What the model
/// wrote is never an error: <see cref="ParsingMode.Recovering"/> reads it. Not thread-safe.
/// </summary>
/// <param name="tokenizer">What the ids mean.</param>
/// <param name="stopTexts">Texts that end the turn where they appear in a preamble or an answer; reasoning and calls are not searched.</param>
/// <exception cref="ArgumentException">The tokenizer lacks one of the special tokens that frame messages.</exception>
public sealed class TurnReader(Tokenizer tokenizer, IReadOnlyList<string> stopTexts)
{
    private readonly HarmonyParser _parser = new(tokenizer, Role.Assistant);
    private readonly List<TurnEvent> _events = [];
    private readonly Queue<(int Begin, LogProbabilities Entry)> _entries = [];      // of tokens whose text is not out yet
    private readonly StringBuilder _text = new();                                   // what the open message has given out
    private MessageDelta? _open;                                                    // its header; the text is unused
    private StopText _stop = new([]);
    private int _bytesIn, _bytesOut;                                                // of the open message: read, given out

    /// <summary>Whether a stop text appeared: nothing that follows counts.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>Tokens of reasoning text so far.</summary>
    public int ReasoningTokens { get; private set; }

    /// <summary>Whether the tokens so far are a whole turn: a call, or an answer, has ended.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Takes the next token.</summary>
    /// <param name="id">The token.</param>
    /// <param name="logProbabilities">Its log-probabilities, where they were asked for.</param>
    /// <returns>What became certain; valid until the next call.</returns>
    public IReadOnlyList<TurnEvent> Append(int id, LogProbabilities? logProbabilities = null)
    {
        _events.Clear();
        if (HasStopped)
            return _events;
        bool wasInside = _parser.State == ParserState.Content;
        int messages = _parser.Messages.Count;
        MessageDelta? delta = _parser.Append(id);
        bool isInside = _parser.State == ParserState.Content;
        if (isInside && delta is { } last && last.Message < _parser.Messages.Count)
        {
            // The end of one message, by the token that begins the next.
            Take(last);
            delta = null;
            if (HasStopped)
                return _events;
        }
        if (isInside && (!wasInside || _parser.Messages.Count > messages))
            EndOpen(isWhole: true);
        if (isInside && _open is null)
        {
            Begin(new MessageDelta(_parser.Messages.Count, Role.Assistant, _parser.CurrentChannel, _parser.CurrentRecipient,
                _parser.CurrentContentType, ""));
        }
        if (wasInside && isInside)
            Count(id, logProbabilities);
        if (delta is { } text)
            Take(text);
        if (!isInside && _parser.Messages.Count > messages)
            EndOpen(isWhole: true);
        return _events;
    }

    /// <summary>Ends the turn: what was held back comes out, and an open message ends.</summary>
    /// <returns>What became certain; valid until the next call.</returns>
    public IReadOnlyList<TurnEvent> End()
    {
        _events.Clear();
        if (HasStopped)
            return _events;
        if (_parser.End() is { } delta)
            Take(delta);
        EndOpen(isWhole: false);
        return _events;
    }

    private static MessageKind KindOf(MessageDelta message) => MessageKinds.Of(message.Channel, message.Recipient);

    private void Begin(MessageDelta message)
    {
        _open = message;
        _text.Clear();
        _entries.Clear();
        _bytesIn = _bytesOut = 0;
        MessageKind kind = KindOf(message);
        _stop = new StopText(kind is MessageKind.Preamble or MessageKind.Answer ? stopTexts : []);
        _events.Add(new MessageBegun(kind, kind == MessageKind.Call ? message.Recipient : null));
    }

    // A token of the open message's text.
    private void Count(int id, LogProbabilities? logProbabilities)
    {
        MessageKind kind = KindOf(_open!.Value);
        if (kind == MessageKind.Analysis)
            ReasoningTokens++;
        if (logProbabilities is null || kind is not (MessageKind.Preamble or MessageKind.Answer))
            return;
        _entries.Enqueue((_bytesIn, logProbabilities));
        _bytesIn += tokenizer.TryGetBytes(id, out ReadOnlyMemory<byte> bytes) ? bytes.Length : 0;
    }

    private void Take(MessageDelta delta)
    {
        // A header that the end cut short becomes a message that never opened.
        if (_open is not { } open || open.Message != delta.Message)
        {
            EndOpen(isWhole: true);
            Begin(delta);
        }

        Emit(_stop.Append(delta.Text));
        if (!_stop.HasStopped)
            return;
        HasStopped = true;
        EndOpen(isWhole: true);
    }

    private void Emit(string text)
    {
        if (text.Length == 0)
            return;
        _text.Append(text);
        _bytesOut += Encoding.UTF8.GetByteCount(text);
        var entries = new List<LogProbabilities>();
        while (_entries.TryPeek(out (int Begin, LogProbabilities Entry) next) && next.Begin < _bytesOut)
            entries.Add(_entries.Dequeue().Entry);
        _events.Add(new MessageText(KindOf(_open!.Value), text, entries));
    }

    private void EndOpen(bool isWhole)
    {
        if (_open is not { } open)
            return;
        if (!_stop.HasStopped)
            Emit(_stop.Flush());
        MessageKind kind = KindOf(open);
        var message = new Message(open.Role, _text.ToString()) { Channel = open.Channel, Recipient = open.Recipient, ContentType = open.ContentType };
        _events.Add(new MessageEnded(kind, message, isWhole));
        IsComplete |= isWhole && kind is MessageKind.Answer or MessageKind.Call;
        _open = null;
    }
}
