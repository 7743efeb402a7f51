using GptOss.Reference.Ground;

namespace GptOss.Reference.Tokens;

/// <summary>A tokenizer file breaks its format, or lacks a token that is needed.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class TokenizerFormatException(string message, Exception? inner = null) : GptOssException(message, inner);
