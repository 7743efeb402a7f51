using GptOss.Reference.Ground;

namespace GptOss.Reference.Cuda;

/// <summary>A GPU cannot be used, or cannot be used any more; the message is one sentence that says why.</summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
internal sealed class DeviceException(string message, Exception? inner = null) : GptOssException(message, inner);
