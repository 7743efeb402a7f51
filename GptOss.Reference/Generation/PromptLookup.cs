namespace GptOss.Reference.Generation;

/// <summary>
/// Guesses by n-gram look-up: where the last tokens stood before, in the prompt or the answer, what followed there follows again. The longest match
/// counts, of several the latest.
/// </summary>
/// <remarks>Needs no second model and no index: one vectorised search over the ids. Source: prompt lookup decoding, Apoorv Saxena, 2023.</remarks>
internal static class PromptLookup
{
    internal const int Shortest = 2, Longest = Shortest + Drafting.Kinds - 1;
    private const int MostPlaces = 64;                      // of a frequent pair of tokens, so that a step stays cheap

    /// <summary>The guess; its kind is the length of the match, beyond the shortest.</summary>
    internal static Draft Guess(ReadOnlySpan<int> known, Span<int> into)
    {
        if (known.Length <= Shortest || into.IsEmpty)
            return default;
        ReadOnlySpan<int> last = known[^Shortest..];
        int best = 0, from = 0, end = known.Length - 1;
        for (int places = 0; places < MostPlaces && best < Longest; places++)
        {
            int at = known[..end].LastIndexOf(last);
            if (at < 0)
                break;
            int length = Shortest;
            while (length < Longest && length - Shortest < at && known[at + Shortest - length - 1] == known[^(length + 1)])
                length++;
            if (length > best)
                (best, from) = (length, at + Shortest);
            end = at + Shortest - 1;                        // the next place may overlap this one
        }
        if (best == 0)
            return default;
        // A text that repeats itself runs on into its own guess.
        for (int i = 0; i < into.Length; i++)
            into[i] = from + i < known.Length ? known[from + i] : into[from + i - known.Length];
        return new(into.Length, best - Shortest);
    }
}
