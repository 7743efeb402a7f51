namespace GptOss.Reference.Harmony;

/// <summary>A conversation that cannot be rendered, JSON that is not a conversation, or tokens that are not messages.</summary>
/// <remarks>The message is one sentence.</remarks>
public sealed class HarmonyFormatException : Exception
{
    /// <summary>Builds the exception.</summary>
    /// <param name="message">One sentence: where, what was expected, what was found.</param>
    /// <param name="inner">The cause, where another exception was caught.</param>
    public HarmonyFormatException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
