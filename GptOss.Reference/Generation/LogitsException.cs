namespace GptOss.Reference.Generation;

/// <summary>A row of logits from which no token can be chosen: it holds a NaN, or nothing above −∞. The message is one sentence.</summary>
public sealed class LogitsException : Exception
{
    /// <summary>An exception with the sentence <paramref name="message"/>.</summary>
    public LogitsException(string message) : base(message) { }

    /// <summary>An exception with the sentence <paramref name="message"/> and what caused it.</summary>
    public LogitsException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An exception with no sentence; for serialisers only.</summary>
    public LogitsException() { }
}
