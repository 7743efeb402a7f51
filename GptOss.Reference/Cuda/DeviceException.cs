using GptOss.Reference.Ground;

namespace GptOss.Reference.Cuda;

/// <summary>
/// A GPU cannot be used, cannot run this model, or cannot be used any more; the message is one sentence that says why. Sequences keep the length that
/// they had before the chunk that was running.
/// </summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class DeviceException(string message, Exception? inner = null) : GptOssException(message, inner);
