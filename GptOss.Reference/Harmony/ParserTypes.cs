namespace GptOss.Reference.Harmony;

/// <summary>What a parser does with malformed input.</summary>
public enum ParsingMode
{
    /// <summary>The published default: any deviation is an error.</summary>
    Strict,

    /// <summary>The published lenient mode: a first message that ends inside its header is mended, the rest as strict.</summary>
    Lenient,

    /// <summary>Ours, for conversations: no error and no loss.</summary>
    Recovering,
}

/// <summary>The state of a stream.</summary>
public enum ParserState
{
    /// <summary>Between messages.</summary>
    ExpectStart,

    /// <summary>Between <c>&lt;|start|&gt;</c> and <c>&lt;|message|&gt;</c>.</summary>
    Header,

    /// <summary>After <c>&lt;|message|&gt;</c>.</summary>
    Content,
}

/// <summary>Text that became whole, and the message it belongs to.</summary>
/// <param name="Message">Index of the message among the parser's messages, where it will be once it is finished.</param>
/// <param name="Role">Who wrote it.</param>
/// <param name="Channel">Its channel.</param>
/// <param name="Recipient">Its recipient.</param>
/// <param name="ContentType">Its content type.</param>
/// <param name="Text">Whole characters; never empty.</param>
public readonly record struct MessageDelta(int Message, Role Role, string? Channel, string? Recipient, string? ContentType, string Text);

/// <summary>Something the recovering parser mended.</summary>
/// <param name="At">Index of the token at which it was noticed; the number of tokens for the end of input.</param>
/// <param name="Kind">What it was.</param>
/// <param name="Text">The text that no message holds because of it; empty for none.</param>
public readonly record struct Repair(int At, RepairKind Kind, string Text);

/// <summary>What the recovering parser mends. In JSON: <c>stray-text</c> and so on.</summary>
public enum RepairKind
{
    /// <summary>
    /// Text where a message's start was expected: it became a message of the assistant's on <c>final</c>. The repair's text is what did not:
    /// white space, and special tokens without a place.
    /// </summary>
    StrayText,

    /// <summary>A stop token where a message's start was expected; ignored.</summary>
    StrayStop,

    /// <summary>
    /// <c>&lt;|channel|&gt;</c> or <c>&lt;|message|&gt;</c> where a message's start was expected. It opens a header, of the author
    /// named before it, otherwise of the assistant.
    /// </summary>
    MissingStart,

    /// <summary>A message's header inside the content of another one, which ends there.</summary>
    MissingEnd,

    /// <summary><c>&lt;|start|&gt;</c> inside a header that holds no content; the header is restarted. The text is the abandoned header.</summary>
    RestartedHeader,

    /// <summary>
    /// A header that strict refuses, or that makes sense only as damage. Words of a text became a message of their own; the repair's text is the
    /// other words that found no place.
    /// </summary>
    MalformedHeader,

    /// <summary>
    /// A header that a stop token, <c>&lt;|start|&gt;</c> or the end of input ended: what is not in header position became the content.
    /// The repair's text is the superseded channels.
    /// </summary>
    CutHeader,

    /// <summary>A header without any token, ended by a stop token or the end of input; there is no message.</summary>
    EmptyHeader,

    /// <summary>An id without a token inside a message: the message ends in one U+FFFD for it and all that follows, which is the text here.</summary>
    UnknownToken,
}
