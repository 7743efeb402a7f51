using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>Reads token ids one by one into messages.</summary>
/// <remarks>
/// <see cref="ParsingMode.Strict"/> and <see cref="ParsingMode.Lenient"/> are the published parser's two modes, state for state
/// (<see cref="PublishedFraming"/>). <see cref="ParsingMode.Recovering"/> never throws, keeps everything the model wrote for the user, and says
/// in <see cref="Repairs"/> what it mended (<see cref="RecoveringFraming"/>). One parser reads one stream; it is not thread-safe.
/// </remarks>
public sealed class HarmonyParser
{
    private readonly MessageFraming _framing;
    private readonly List<int> _tokens = [];

    /// <summary>A parser for one stream.</summary>
    /// <param name="tokenizer">What the ids mean.</param>
    /// <param name="role">
    /// Whose message has already begun: <see cref="Role.Assistant"/> for what follows <c>&lt;|start|&gt;assistant</c>; null if the stream begins
    /// with <c>&lt;|start|&gt;</c>.
    /// </param>
    /// <param name="mode">What happens on malformed input.</param>
    /// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public HarmonyParser(Tokenizer tokenizer, Role? role = null, ParsingMode mode = ParsingMode.Recovering) =>
        _framing = mode == ParsingMode.Recovering
            ? new RecoveringFraming(tokenizer, role)
            : new PublishedFraming(tokenizer, role, isLenient: mode == ParsingMode.Lenient);

    /// <summary>The parser's state after the last token.</summary>
    public ParserState State => _framing.State;

    /// <summary>The finished messages.</summary>
    public IReadOnlyList<Message> Messages => _framing.Messages;

    /// <summary>What was mended so far. Always empty in the published modes.</summary>
    public IReadOnlyList<Repair> Repairs => _framing.Repairs;

    /// <summary>Every token so far.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>The open message's role; while its header is open, the role that was stated from outside; otherwise null.</summary>
    public Role? CurrentRole => _framing.Open?.Role ?? _framing.StatedRole;

    /// <summary>The open message's channel.</summary>
    public string? CurrentChannel => _framing.Open?.Channel;

    /// <summary>The open message's recipient.</summary>
    public string? CurrentRecipient => _framing.Open?.Recipient;

    /// <summary>The open message's content type.</summary>
    public string? CurrentContentType => _framing.Open?.ContentType;

    /// <summary>The open message's text so far, in whole characters; empty outside a message.</summary>
    public string CurrentContent => _framing.Content?.Text ?? "";

    /// <summary>The text that the last token completed inside an open message, as the published parser reports it; null for none.</summary>
    public string? LastContentDelta => _framing.ContentDelta;

    /// <summary>
    /// The text that the last token, or the end, completed, and the message it belongs to; null for none. Unlike <see cref="LastContentDelta"/>
    /// it includes what only the end of a message brings, so the deltas of a message, joined, are its text.
    /// </summary>
    public MessageDelta? Delta => _framing.Delta;

    /// <summary>Parses a whole stream.</summary>
    /// <exception cref="HarmonyFormatException">The stream is malformed and the mode is one of the published ones.</exception>
    public static HarmonyParser Parse(Tokenizer tokenizer, ReadOnlySpan<int> ids, Role? role = null, ParsingMode mode = ParsingMode.Recovering)
    {
        var parser = new HarmonyParser(tokenizer, role, mode);
        foreach (int id in ids)
            parser.Append(id);
        parser.End();
        return parser;
    }

    /// <summary>Takes the next token.</summary>
    /// <returns><see cref="Delta"/>.</returns>
    /// <exception cref="HarmonyFormatException">The stream is malformed at this token and the mode is one of the published ones.</exception>
    public MessageDelta? Append(int id)
    {
        _tokens.Add(id);
        _framing.Take(id, at: _tokens.Count - 1);
        return Delta;
    }

    /// <summary>Ends the stream: an open message is finished as if a stop token had come.</summary>
    /// <returns><see cref="Delta"/>.</returns>
    /// <exception cref="HarmonyFormatException">A header is open and the mode is one of the published ones.</exception>
    public MessageDelta? End()
    {
        _framing.End(at: _tokens.Count);
        return Delta;
    }
}
