namespace GptOss.Reference.Tokens;

/// <summary>A tokenizer file breaks its format. The message is one sentence: file, rule, expected, found.</summary>
public sealed class TokenizerFormatException : Exception
{
    /// <summary>An exception with the sentence <paramref name="message"/>.</summary>
    public TokenizerFormatException(string message) : base(message) { }

    /// <summary>An exception with the sentence <paramref name="message"/> and what caused it.</summary>
    public TokenizerFormatException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An exception with no sentence; for serialisers only.</summary>
    public TokenizerFormatException() { }
}
