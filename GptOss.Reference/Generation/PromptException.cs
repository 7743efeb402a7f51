using GptOss.Reference.Ground;

namespace GptOss.Reference.Generation;

/// <summary>A prompt that the model cannot read: empty, too long, or with unknown ids.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class PromptException(string message, Exception? inner = null) : GptOssException(message, inner);
