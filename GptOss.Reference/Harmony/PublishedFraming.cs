using GptOss.Reference.Ground;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>The format as specified: each state, what may come in it, and nothing else.</summary>
/// <remarks>
/// <para>Special tokens inside content other than the three that end it are text. Which of the three ended a message is not kept.</para>
/// <para>Lenient adds the publisher's one repair: where a stop token ends a header whose role was stated from outside, what follows role and
/// channel is the content. That is the first message of an answer whose model forgot <c>&lt;|message|&gt;</c>; a later header cut short is dropped.
/// </para>
/// <para>Source: <c>openai/harmony</c> 0.0.8, <c>src/encoding.rs</c>, <c>StreamableParser</c>.</para>
/// </remarks>
internal sealed class PublishedFraming(Tokenizer tokenizer, Role? role, bool isLenient) : MessageFraming(tokenizer, role)
{
    private protected override void Step(int id, int at)
    {
        switch (State)
        {
            case ParserState.ExpectStart when id == Special.Start:
                OpenHeader();
                break;
            case ParserState.ExpectStart:
                throw new HarmonyFormatException($"Expected a message's start, token {Special.Start}; found token {(uint)id}.");

            case ParserState.Header when id == Special.Message:
                State = ParserState.ExpectStart;        // where an error leaves it
                OpenMessage(CompleteHeader());
                break;
            case ParserState.Header when isLenient && Special.IsStop(id):
                CutHeaderShort();
                break;
            case ParserState.Header:
                HeaderTokens.Add(id);
                break;

            case ParserState.Content when Special.IsStop(id):
                FinishMessage();
                break;
            default:
                AddContent(id);
                break;
        }
    }

    private protected override void Close(int at)
    {
        if (State == ParserState.Content)
            FinishMessage();
        if (State == ParserState.Header)
            throw new HarmonyFormatException("The tokens end inside a message's header.");
    }

    private Header CompleteHeader()
    {
        Header header = ReadHeader(isCutShort: false, out string? rest, out string? error) ?? throw new HarmonyFormatException(error!);
        return rest is null ? header
            : throw new HarmonyFormatException($"A message's header holds words without a meaning: '{Printable.Clip(rest)}'.");
    }

    private void CutHeaderShort()
    {
        if (StatedRole is not null && HeaderTokens.Count > 0)
            AddMessage(ReadHeader(isCutShort: true, out string? rest, out string? error) ?? throw new HarmonyFormatException(error!), rest ?? "");
        (StatedRole, State) = (null, ParserState.ExpectStart);
    }
}
