using GptOss.Reference.Ground;

namespace GptOss.Tools.Browser;

/// <summary>A page that cannot be shown. The model receives the message.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class BrowserException(string message, Exception? inner = null) : GptOssException(message, inner);
