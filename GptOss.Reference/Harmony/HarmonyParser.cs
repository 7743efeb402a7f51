using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>Reads token ids one by one into messages.</summary>
/// <remarks>
/// <see cref="ParsingMode.Strict"/> and <see cref="ParsingMode.Lenient"/> are the published parser's two modes, state for state.
/// <see cref="ParsingMode.Recovering"/> never throws, gives strict's messages where strict succeeds, and says in <see cref="Repairs"/> what it
/// mended. For one stream and one thread. Source: <c>openai/harmony</c> 0.0.8, <c>src/encoding.rs</c>, <c>StreamableParser</c>.
/// </remarks>
public sealed class HarmonyParser
{
    private readonly Tokenizer _tokenizer;
    private readonly HarmonyTokens _special;
    private readonly ParsingMode _mode;
    private readonly List<int> _tokens = [];
    private readonly List<Message> _messages = [];
    private readonly List<Repair> _repairs = [];
    private readonly List<int> _header = [];        // tokens of the header that is open
    private readonly List<int> _stray = [];         // text where a start was expected
    private Role? _nextRole;
    private bool _isBegun;                          // whether a token opened the header, rather than the stated role
    private int _strayAt, _contentAt;
    private Header? _open;
    private ContentDecoder? _content;

    /// <summary>A parser for one stream.</summary>
    /// <param name="tokenizer">What the ids mean.</param>
    /// <param name="role">
    /// Whose message has already begun: <see cref="Role.Assistant"/> for what follows <c>&lt;|start|&gt;assistant</c>; null if the stream begins
    /// with <c>&lt;|start|&gt;</c>.
    /// </param>
    /// <param name="mode">What happens on malformed input.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public HarmonyParser(Tokenizer tokenizer, Role? role = null, ParsingMode mode = ParsingMode.Recovering)
    {
        _special = new HarmonyTokens(tokenizer);
        (_tokenizer, _nextRole, _mode) = (tokenizer, role, mode);
        State = role is null ? ParserState.ExpectStart : ParserState.Header;
    }

    /// <summary>Where the stream stands.</summary>
    public ParserState State { get; private set; }

    /// <summary>The finished messages.</summary>
    public IReadOnlyList<Message> Messages => _messages;

    /// <summary>What was mended so far; of stray text that is still coming, nothing yet. Always empty in the published modes.</summary>
    public IReadOnlyList<Repair> Repairs => _repairs;

    /// <summary>Every token so far.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>The open message's role; while its header is open, the role that was stated from outside; else null.</summary>
    public Role? CurrentRole => _open?.Role ?? _nextRole;

    /// <summary>The open message's channel.</summary>
    public string? CurrentChannel => _open?.Channel;

    /// <summary>The open message's recipient.</summary>
    public string? CurrentRecipient => _open?.Recipient;

    /// <summary>The open message's content type.</summary>
    public string? CurrentContentType => _open?.ContentType;

    /// <summary>The open message's text so far, in whole characters; empty outside a message.</summary>
    public string CurrentContent => _content?.Text ?? "";

    /// <summary>The text that the last token completed inside an open message, as the published parser reports it; null for none.</summary>
    public string? LastContentDelta { get; private set; }

    /// <summary>
    /// The text that the last token, or the end, completed, and whose it is; null for none. Unlike <see cref="LastContentDelta"/> it includes
    /// what only the end of a message brings, so the deltas of a message, joined, are its text.
    /// </summary>
    public MessageDelta? Delta { get; private set; }

    /// <summary>Parses a whole stream.</summary>
    /// <exception cref="HarmonyFormatException">The stream is malformed and the mode is one of the published ones.</exception>
    public static HarmonyParser Parse(Tokenizer tokenizer, ReadOnlySpan<int> ids, Role? role = null, ParsingMode mode = ParsingMode.Recovering)
    {
        var parser = new HarmonyParser(tokenizer, role, mode);
        foreach (int id in ids) parser.Append(id);
        parser.End();
        return parser;
    }

    /// <summary>Takes the next token.</summary>
    /// <returns><see cref="Delta"/>.</returns>
    /// <exception cref="HarmonyFormatException">The stream is malformed at this token and the mode is one of the published ones.</exception>
    public MessageDelta? Append(int id)
    {
        int at = _tokens.Count;
        _tokens.Add(id);
        LastContentDelta = null;
        Delta = null;
        switch (State)
        {
            case ParserState.ExpectStart:
                ExpectStart(id, at);
                break;
            case ParserState.Header:
                ContinueHeader(id, at);
                break;
            case ParserState.Content when _special.IsStop(id):
                FinishMessage();
                break;
            default:
                if (_content!.Hidden.Count == 0) _contentAt = at;
                LastContentDelta = _content.Append(id);
                if (LastContentDelta is { } text) Delta = _open!.Delta(_messages.Count, text);
                break;
        }

        return Delta;
    }

    /// <summary>Ends the stream: an open message is finished as if a stop token had come.</summary>
    /// <returns><see cref="Delta"/>.</returns>
    /// <exception cref="HarmonyFormatException">A header is open and the mode is one of the published ones.</exception>
    public MessageDelta? End()
    {
        LastContentDelta = null;
        Delta = null;
        if (State == ParserState.Content) FinishMessage();
        else if (State == ParserState.Header && _mode != ParsingMode.Recovering)
            throw new HarmonyFormatException("The tokens end inside a message's header.");
        else if (State == ParserState.Header) CutHeaderShort(_tokens.Count);
        FlushStray();
        return Delta;
    }

    private void ExpectStart(int id, int at)
    {
        if (id == _special.Start)
        {
            FlushStray();
            OpenHeader(null);
        }
        else if (_mode != ParsingMode.Recovering)
        {
            throw new HarmonyFormatException($"Token {(uint)id} stands where a message's start, token {_special.Start}, is expected.");
        }
        else if (id == _special.Channel || id == _special.Message)
        {
            FlushStray();
            _repairs.Add(new Repair(at, RepairKind.MissingStart, ""));
            OpenHeader(Role.Assistant);
            ContinueHeader(id, at);
        }
        else if (_special.IsStop(id))
        {
            FlushStray();
            _repairs.Add(new Repair(at, RepairKind.StrayStop, ""));
        }
        else
        {
            if (_stray.Count == 0) _strayAt = at;
            _stray.Add(id);
        }
    }

    private void OpenHeader(Role? role)
    {
        _header.Clear();
        (_nextRole, _isBegun, State) = (role, true, ParserState.Header);
    }

    private void ContinueHeader(int id, int at)
    {
        bool isRecovering = _mode == ParsingMode.Recovering;
        if (id == _special.Message)
        {
            State = ParserState.ExpectStart;        // where an error leaves it
            _open = isRecovering ? Recovered(at) : Strict();
            _content = new ContentDecoder(_tokenizer);
            _nextRole = null;
            State = ParserState.Content;
        }
        else if (_special.IsStop(id) && isRecovering)
        {
            CutHeaderShort(at);
        }
        else if (_special.IsStop(id) && _mode == ParsingMode.Lenient)
        {
            CutHeaderShortAsPublished();
        }
        else if (id == _special.Start && isRecovering)
        {
            _repairs.Add(new Repair(at, RepairKind.RestartedHeader, _tokenizer.Decode([.. _header])));
            OpenHeader(null);
        }
        else
        {
            _header.Add(id);
        }
    }

    private Header Strict() => Strict(out string? error) ?? throw new HarmonyFormatException(error!);

    private Header? Strict(out string? error)
    {
        error = "A message's header is not UTF-8.";
        if (ContentDecoder.Strict(_tokenizer, _header) is not { } text) return null;
        Header? header = Header.Read(text, _nextRole, isCutShort: false, out string? rest, out error);
        if (rest is not null) error = $"A message's header holds words without a meaning: '{Printable.Clip(rest)}'.";
        return rest is null ? header : null;
    }

    // The strict reading is kept wherever there is one, unless special tokens stand in the header that never should.
    private Header Recovered(int at)
    {
        bool isPlain = _header.Count(id => id == _special.Channel) <= 1 && _header.Count(id => id == _special.Constrain) <= 1 &&
            !_header.Exists(id => _tokenizer.IsSpecial(id) && id != _special.Channel && id != _special.Constrain);
        if (isPlain && Strict(out _) is { } strict)
        {
            Header typed = strict.WithMarkerAsType(out string displaced);
            if (displaced.Length > 0) _repairs.Add(new Repair(at, RepairKind.MalformedHeader, displaced));
            return typed;
        }

        Header header = RecoveredHeader.Read(_tokenizer.Decode([.. _header]), _nextRole, out string leftOver);
        _repairs.Add(new Repair(at, RepairKind.MalformedHeader, leftOver));
        return header;
    }

    private void CutHeaderShort(int at)
    {
        if (_header.Count > 0)
        {
            Header header = RecoveredHeader.ReadCutShort(_tokenizer.Decode([.. _header]), _nextRole, out string content, out string lost);
            _repairs.Add(new Repair(at, RepairKind.CutHeader, lost));
            AddCutMessage(header, content);
        }
        else if (_isBegun || at < _tokens.Count)
        {
            _repairs.Add(new Repair(at, RepairKind.EmptyHeader, ""));
        }

        (_nextRole, State) = (null, ParserState.ExpectStart);
    }

    private void CutHeaderShortAsPublished()
    {
        if (_nextRole is not null && _header.Count > 0)
        {
            string text = ContentDecoder.Strict(_tokenizer, _header) ?? throw new HarmonyFormatException("A message's header is not UTF-8.");
            Header header = Header.Read(text, _nextRole, isCutShort: true, out string? rest, out string? error)
                ?? throw new HarmonyFormatException(error!);
            AddCutMessage(header, rest ?? "");
        }

        (_nextRole, State) = (null, ParserState.ExpectStart);
    }

    private void AddCutMessage(Header header, string content)
    {
        if (content.Length > 0) Delta = header.Delta(_messages.Count, content);
        _messages.Add(header.Message(content));
    }

    private void FinishMessage()
    {
        if (_content!.Finish() is { Length: > 0 } rest) Delta = _open!.Delta(_messages.Count, rest);
        if (_mode == ParsingMode.Recovering && _content.Hidden.Count > 0)
            _repairs.Add(new Repair(_contentAt, RepairKind.UnknownToken, _tokenizer.Decode([.. _content.Hidden])));
        _messages.Add(_open!.Message(_content.Text));
        (_open, _content, State) = (null, null, ParserState.ExpectStart);
    }

    private void FlushStray()
    {
        if (_stray.Count == 0) return;
        _repairs.Add(new Repair(_strayAt, RepairKind.StrayText, _tokenizer.Decode([.. _stray])));
        _stray.Clear();
    }
}
