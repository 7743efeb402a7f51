namespace GptOss.Reference.Generation;

/// <summary>What a continuation may say, token by token: an automaton that knows, after every prefix it allowed, which ids may follow.</summary>
/// <remarks>
/// <para>One step of generation: <see cref="Forced"/> tokens, where there are any, are fed without choosing; otherwise <see cref="Fill"/> gives
/// the mask, <see cref="Sampler.Choose(ReadOnlySpan{float}, in SamplingOptions, long, ReadOnlySpan{ulong})"/> chooses under it, and
/// <see cref="Accept"/> takes the choice. Until <see cref="IsComplete"/> at least one id is allowed.</para>
/// <para>An instance is one continuation's state, for one thread. <see cref="Fork"/> is how choices, drafts and undoing share a prefix.</para>
/// </remarks>
public abstract class TokenConstraint
{
    /// <summary>Words of 64 bits that a mask over <paramref name="vocabulary"/> ids needs.</summary>
    public static int MaskWords(int vocabulary) => (vocabulary + 63) / 64;

    /// <summary>Whether the continuation has ended: no id may follow.</summary>
    public abstract bool IsComplete { get; }

    /// <summary>Writes which ids may come next: bit <c>id % 64</c> of word <c>id / 64</c>, every other bit 0.</summary>
    /// <param name="allowed">At least <see cref="MaskWords"/> of the vocabulary; all of it is written where the answer is true.</param>
    /// <returns>False if every id may come next; nothing is written then.</returns>
    /// <exception cref="InvalidOperationException">The continuation is complete.</exception>
    public abstract bool Fill(Span<ulong> allowed);

    /// <summary>Takes the next token of the continuation.</summary>
    /// <exception cref="ArgumentException">The id may not come next; the state is as before.</exception>
    /// <exception cref="InvalidOperationException">The continuation is complete.</exception>
    public abstract void Accept(int id);

    /// <summary>Tokens that come next whatever is chosen, spelled as the tokenizer spells them; empty where there is a choice.</summary>
    /// <remarks>They are not yet taken: <see cref="Accept"/> is still called with each. Leaving them to sampling gives an allowed text too.</remarks>
    public virtual IReadOnlyList<int> Forced() => [];

    /// <summary>The shortest end of the continuation that the automaton knows, as ids; empty if it is complete.</summary>
    public abstract IReadOnlyList<int> ShortestEnd();

    /// <summary>A second state with the same prefix; the two go on independently.</summary>
    public abstract TokenConstraint Fork();
}
