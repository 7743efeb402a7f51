namespace GptOss.Reference.Generation;

/// <summary>A prompt that the model cannot read: empty, too long, or with unknown ids. The message is one sentence.</summary>
public sealed class PromptException : Exception
{
    /// <summary>An exception with the sentence <paramref name="message"/>.</summary>
    public PromptException(string message) : base(message) { }

    /// <summary>An exception with the sentence <paramref name="message"/> and what caused it.</summary>
    public PromptException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An exception with no sentence; for serialisers only.</summary>
    public PromptException() { }
}
