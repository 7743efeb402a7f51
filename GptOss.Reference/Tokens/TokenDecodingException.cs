using GptOss.Reference.Ground;

namespace GptOss.Reference.Tokens;

/// <summary>Ids have no strict decoding: one is unknown, or their bytes are not UTF-8.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class TokenDecodingException(string message, Exception? inner = null) : GptOssException(message, inner);
