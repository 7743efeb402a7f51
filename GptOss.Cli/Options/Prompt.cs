using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Tokens;

namespace GptOss.Cli.Options;

/// <summary>What a model reads: text or ids, never both.</summary>
/// <param name="Text">Text; null where there are ids.</param>
/// <param name="Ids">Token ids; null where there is text.</param>
/// <param name="IsTyped">Whether the text was an argument, not a file or a pipe, whose last line ends.</param>
internal sealed record Prompt(string? Text, int[]? Ids, bool IsTyped)
{
    /// <summary>The ids, or those of the text as it is, special tokens by name.</summary>
    /// <exception cref="InputException">The model lacks ids that its tokenizer has.</exception>
    internal int[] AsItIs(GptOssConfig config, Tokenizer tokenizer) => Ids ?? PromptIds.Encode(Text!, config, tokenizer);
}
