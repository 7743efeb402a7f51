namespace GptOss.Reference.Cuda;

/// <summary>A GPU cannot be used, or cannot be used any more; the message is one sentence that says why.</summary>
/// <param name="message">The sentence.</param>
public sealed class DeviceException(string message) : Exception(message);
