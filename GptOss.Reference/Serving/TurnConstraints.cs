using GptOss.Reference.Generation;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Serving;

/// <summary>What binds a turn: its schema, the functions it may call, whether it must.</summary>
internal static class TurnConstraints
{
    internal static TokenConstraint? Of(Turn turn, Tokenizer tokenizer)
    {
        _ = (turn, tokenizer);
        return null;
    }
}
