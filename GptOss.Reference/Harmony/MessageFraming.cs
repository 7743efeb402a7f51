using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>How a stream of tokens is cut into messages. A message is framed by special tokens, which text can never spell:</summary>
/// <remarks>
/// <code>
/// &lt;|start|&gt; author [ to=recipient] [&lt;|channel|&gt; channel] [ &lt;|constrain|&gt; type] &lt;|message|&gt; content &lt;|end|&gt;
/// ────┬──── ────────────────────────────┬──────────────────────────────── ─────┬───── ───┬─── ───┬───
/// ExpectStart                        Header                                 Content           ExpectStart
/// </code>
/// <para>Three states: between messages, in a header, in content. <c>&lt;|message|&gt;</c> ends a header; <c>&lt;|end|&gt;</c>,
/// <c>&lt;|return|&gt;</c> (the model's turn is over) and <c>&lt;|call|&gt;</c> (a tool is called) end content. This class holds what every way of
/// reading shares: the open message and the finished ones. <see cref="PublishedFraming"/> is the format as specified.</para>
/// </remarks>
internal abstract class MessageFraming(Tokenizer tokenizer, Role? role)
{
    private readonly List<Message> _messages = [];
    private readonly List<Repair> _repairs = [];

    internal ParserState State { get; private protected set; } = role is null ? ParserState.ExpectStart : ParserState.Header;

    internal IReadOnlyList<Message> Messages => _messages;

    internal IReadOnlyList<Repair> Repairs => _repairs;

    /// <summary>The role of the message whose header is open, where the header need not say it; otherwise null.</summary>
    internal Role? StatedRole { get; private protected set; } = role;

    /// <summary>The header of the open message; null outside content.</summary>
    internal Header? Open { get; private set; }

    /// <summary>The text of the open message; null outside content.</summary>
    internal ContentDecoder? Content { get; private set; }

    /// <summary>Text completed by the last token inside content; null for none.</summary>
    internal string? ContentDelta { get; private protected set; }

    /// <summary>All text completed by the last token or by the end, and the message it belongs to; null for none.</summary>
    internal MessageDelta? Delta { get; private set; }

    /// <summary>Tokens of the open header.</summary>
    private protected List<int> HeaderTokens { get; } = [];

    private protected HarmonyTokens Special { get; } = new(tokenizer);

    private protected Tokenizer Tokenizer => tokenizer;

    /// <summary>Takes the next token, which is number <paramref name="at"/> of the stream.</summary>
    internal void Take(int id, int at)
    {
        (ContentDelta, Delta) = (null, null);
        Step(id, at);
    }

    /// <summary>Ends the stream after <paramref name="at"/> tokens.</summary>
    internal void End(int at)
    {
        (ContentDelta, Delta) = (null, null);
        Close(at);
    }

    private protected abstract void Step(int id, int at);

    private protected abstract void Close(int at);

    /// <summary>Begins a header.</summary>
    private protected void OpenHeader(Role? stated = null)
    {
        HeaderTokens.Clear();
        (StatedRole, State) = (stated, ParserState.Header);
    }

    /// <summary>Begins the content of a message.</summary>
    private protected void OpenMessage(Header header)
    {
        HeaderTokens.Clear();
        (Open, Content, StatedRole, State) = (header, new ContentDecoder(tokenizer), null, ParserState.Content);
    }

    /// <summary>Adds a token to the open message's content.</summary>
    private protected void AddContent(int id)
    {
        if (Content!.Append(id) is not { } text) return;
        ContentDelta += text;
        Tell(Open!, text);
    }

    /// <summary>Ends the open message.</summary>
    /// <returns>Ids that it could not show: the first one without a token, and all after it.</returns>
    private protected IReadOnlyList<int> FinishMessage()
    {
        ContentDecoder content = Content!;
        Tell(Open!, content.Finish());
        _messages.Add(Open!.Message(content.Text));
        (Open, Content, State) = (null, null, ParserState.ExpectStart);
        return content.Hidden;
    }

    /// <summary>Adds a message that is whole at once, and waits for the next start.</summary>
    private protected void AddMessage(Header header, string text)
    {
        Tell(header, text);
        _messages.Add(header.Message(text));
        (StatedRole, State) = (null, ParserState.ExpectStart);
    }

    private protected void AddRepair(int at, RepairKind kind, string text = "") => _repairs.Add(new Repair(at, kind, text));

    /// <summary>The open header as the published parser reads it; null with the reason if it refuses it.</summary>
    private protected Header? ReadHeader(bool isCutShort, out string? rest, out string? error)
    {
        (rest, error) = (null, "A message's header is not UTF-8.");
        return ContentDecoder.Strict(tokenizer, HeaderTokens) is { } text ? Header.Read(text, StatedRole, isCutShort, out rest, out error) : null;
    }

    private void Tell(Header header, string text)
    {
        if (text.Length > 0) Delta = header.Delta(_messages.Count, Delta?.Text + text);
    }
}
