using GptOss.Reference.Ground;

namespace GptOss.Server;

/// <summary>A server cannot be started as it was asked to be.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class ServerOptionsException(string message, Exception? inner = null) : GptOssException(message, inner);
