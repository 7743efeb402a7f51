namespace GptOss.Reference.Generation.Constraints.Masks;

/// <summary>The tokens that may come inside a leaf at one of its states, and where in a token the leaf may end.</summary>
internal sealed record LeafMask
{
    /// <summary>Tokens that do not leave the leaf, as a mask; null if they are few.</summary>
    internal ulong[]? Inside { get; init; }

    /// <summary>Tokens that do not leave it, if they are few.</summary>
    internal int[] Few { get; init; } = [];

    /// <summary>Of strings: quotes inside tokens that end them.</summary>
    internal QuoteMask[] Quotes { get; init; } = [];

    /// <summary>Of others: nodes of a tree at which they end, or may end.</summary>
    internal LeafEnd[] Ends { get; init; } = [];

    /// <summary>Tokens that <see cref="Quotes"/> holds and that may not come all the same; ascending.</summary>
    internal int[] Except { get; init; } = [];

    /// <summary>About how much memory it takes, without what it shares.</summary>
    internal long Bytes =>
        200 + 8L * (Inside?.Length ?? 0) + 4L * (Few.Length + Except.Length) + 24L * Ends.Length
            + Quotes.Sum(quotes => 48L + 8L * quotes.Places.Length);
}

/// <summary>A node at which a leaf ends.</summary>
/// <param name="Tree">The tree of tokens.</param>
/// <param name="Node">The node; −1 is the root, where nothing of the token has been read.</param>
/// <param name="Tag">What ended, as the automaton has it; −1 where the leaf only may end, and the next byte is not its own.</param>
internal readonly record struct LeafEnd(TokenTrie Tree, int Node, int Tag);

/// <summary>The places of <see cref="QuoteEnds"/> at which a string ends.</summary>
/// <param name="Tag">What ended, as the automaton has it.</param>
/// <param name="Places">A bit for each place.</param>
internal readonly record struct QuoteMask(int Tag, ulong[] Places);
