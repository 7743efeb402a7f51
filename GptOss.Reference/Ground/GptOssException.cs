namespace GptOss.Reference.Ground;

/// <summary>
/// What every exception of this library derives from that refuses input: a file, a prompt, a conversation, a schema, or a request beyond a limit.
/// </summary>
/// <remarks>
/// The message is one sentence that can be shown to a user. Errors in the calling code are <see cref="ArgumentException"/> and
/// <see cref="InvalidOperationException"/>; what the system reports stays as it comes, such as <see cref="IOException"/>.
/// </remarks>
public abstract class GptOssException : Exception
{
    /// <summary>Builds the exception.</summary>
    /// <param name="message">One sentence: where, which rule, what was expected, what was found.</param>
    /// <param name="inner">What caused it; null where no other exception was caught.</param>
    protected GptOssException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}
