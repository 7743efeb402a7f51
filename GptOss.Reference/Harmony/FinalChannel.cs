using System.Text;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>Reads generated ids one by one and gives out the text of the <c>final</c> channel, the part meant for the user.</summary>
/// <remarks>
/// Expects what follows <c>&lt;|start|&gt;assistant</c> and reads it as <see cref="ParsingMode.Recovering"/> does. If the ids never make a message
/// on <c>final</c>, the end gives the messages that name no channel and, if there are none, everything, special tokens by name. Several messages
/// follow each other without a separator.
/// </remarks>
public sealed class FinalChannel
{
    private readonly Tokenizer _tokenizer;
    private readonly HarmonyParser _parser;

    /// <summary>A reader for one answer.</summary>
    /// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public FinalChannel(Tokenizer tokenizer) => (_tokenizer, _parser) = (tokenizer, new HarmonyParser(tokenizer, Role.Assistant));

    /// <summary>Whether a message on the final channel has begun.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>The whole of <see cref="Append"/> and <see cref="Flush"/> over <paramref name="ids"/>.</summary>
    public static string Extract(Tokenizer tokenizer, ReadOnlySpan<int> ids)
    {
        var reader = new FinalChannel(tokenizer);
        var text = new StringBuilder();
        foreach (int id in ids)
            text.Append(reader.Append(id));
        return text.Append(reader.Flush()).ToString();
    }

    /// <summary>Takes the next generated id.</summary>
    /// <returns>Text of the final channel that is now whole; null if there is none.</returns>
    public string? Append(int id) => Final(_parser.Append(id));

    /// <summary>Ends the answer.</summary>
    /// <returns>What was left of the final channel; if it never began, what is given instead.</returns>
    public string Flush()
    {
        string? rest = Final(_parser.End());
        if (HasBegun)
            return rest ?? "";
        string bare = string.Concat(_parser.Messages
            .Where(message => message is { Role: Role.Assistant, Channel: null, Recipient: null }).Select(message => message.Text));
        return bare.Length > 0 ? bare : _tokenizer.Decode([.. _parser.Tokens]);
    }

    private string? Final(MessageDelta? delta)
    {
        HasBegun |= _parser.CurrentChannel == "final" || (_parser.Messages is [.., { Channel: "final" }]);
        return delta is { Channel: "final", Text: var text } ? text : null;
    }
}
