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

    /// <summary>The token ids that the model had read when it gave the row, from position 0 on; empty where that is not known.</summary>
    public ReadOnlyMemory<int> Ids { get; init; }
}
