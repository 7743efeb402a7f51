using GptOss.Reference.Ground;

namespace GptOss.Tools.Functions;

/// <summary>A file that describes tools breaks a rule; the message says where, what was expected and what was found.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class ToolFormatException(string message, Exception? inner = null) : GptOssException(message, inner);
