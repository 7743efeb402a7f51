namespace GptOss.Reference.Oracle.Scoring;

/// <summary>A corpus, another engine's scores or an earlier run cannot be used. The message is one sentence that names the file and the line.</summary>
public sealed class ScoringException : Exception
{
    /// <summary>An exception with the sentence <paramref name="message"/>.</summary>
    public ScoringException(string message) : base(message) { }

    /// <summary>An exception with the sentence <paramref name="message"/> and what caused it.</summary>
    public ScoringException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An exception with no sentence; for serialisers only.</summary>
    public ScoringException() { }
}
