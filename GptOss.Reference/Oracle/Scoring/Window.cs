namespace GptOss.Reference.Oracle.Scoring;

/// <summary>Consecutive tokens of a document in a sequence of their own.</summary>
/// <param name="Start">The first.</param>
/// <param name="FirstScored">The first that is scored here; all after it are, too.</param>
/// <param name="End">One past the last.</param>
internal readonly record struct Window(int Start, int FirstScored, int End)
{
    /// <summary>Tokens that are fed: all but the last, which predicts nothing that is scored.</summary>
    internal int FedTokens => End - 1 - Start;

    /// <summary>The windows of a document, in order.</summary>
    /// <remarks>
    /// Each begins half a context after the one before and scores the tokens that no earlier one did, so every token but the first is scored once, and
    /// beyond the first window with half a context before it at least.
    /// </remarks>
    /// <param name="tokens">Tokens of the document.</param>
    /// <param name="context">Tokens of a window at most; 2 or more.</param>
    internal static IEnumerable<Window> Of(int tokens, int context)
    {
        for (int start = 0, scored = 1; scored < tokens; start += context / 2)
        {
            int end = (int)Math.Min((long)start + context, tokens);
            yield return new(start, scored, end);
            scored = end;
        }
    }
}
