using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>The special tokens that frame messages, looked up in a tokenizer by name: every checkpoint has its own ids.</summary>
internal sealed class HarmonyTokens(Tokenizer tokenizer)
{
    /// <summary>The names that the text form of a header may hold.</summary>
    internal const string ChannelName = "<|channel|>", ConstrainName = "<|constrain|>";

    /// <summary>Ids of the tokens of the same names.</summary>
    internal int Start { get; } = Id(tokenizer, "<|start|>");

    internal int Message { get; } = Id(tokenizer, "<|message|>");

    internal int End { get; } = Id(tokenizer, "<|end|>");

    internal int Return { get; } = Id(tokenizer, "<|return|>");

    internal int Call { get; } = Id(tokenizer, "<|call|>");

    internal int Channel { get; } = Id(tokenizer, ChannelName);

    internal int Constrain { get; } = Id(tokenizer, ConstrainName);

    /// <summary>Whether a token ends a message.</summary>
    internal bool IsStop(int id) => id == End || id == Return || id == Call;

    private static int Id(Tokenizer tokenizer, string name)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return tokenizer.SpecialId(name)
            ?? throw new TokenizerFormatException($"The tokenizer has no token {name}, which the Harmony format needs.");
    }
}
