namespace GptOss.Reference.Tokens;

/// <summary>Ids have no strict decoding: one is unknown, or their bytes are not UTF-8.</summary>
public sealed class TokenDecodingException : Exception
{
    /// <summary>An exception with the sentence <paramref name="message"/>.</summary>
    public TokenDecodingException(string message) : base(message) { }

    /// <summary>An exception with the sentence <paramref name="message"/> and what caused it.</summary>
    public TokenDecodingException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An exception with no sentence; for serialisers only.</summary>
    public TokenDecodingException() { }
}
