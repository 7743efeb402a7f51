namespace GptOss.Server;

/// <summary>A server cannot be started as it was asked to be. The message is one sentence.</summary>
/// <param name="message">What is wrong.</param>
public sealed class ServerOptionsException(string message) : Exception(message);
