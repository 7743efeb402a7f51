namespace GptOss.Reference.Model;

/// <summary>Token ids on their way into a sequence, in pieces that suit the caller.</summary>
/// <remarks>
/// The length of the sequence says how far they are: a pass that is cancelled or fails changes it only by the chunks that it finished, and the feed
/// continues from there. Where they are cut changes no bit.
/// </remarks>
internal readonly struct TokenFeed
{
    private readonly ReadOnlyMemory<int> _ids;
    private readonly LogitRows _wanted;
    private readonly int _start;

    /// <summary>Ids that follow what the sequence holds now.</summary>
    /// <param name="sequence">The sequence; only this feed may extend it until it is done.</param>
    /// <param name="ids">Token ids.</param>
    /// <param name="wanted">Which of their logits are wanted.</param>
    /// <exception cref="ArgumentException">An offset of <paramref name="wanted"/> is outside the ids or not ascending.</exception>
    public TokenFeed(Sequence sequence, ReadOnlyMemory<int> ids, LogitRows wanted)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        _ = wanted.Count(ids.Length);
        (Sequence, _ids, _wanted, _start) = (sequence, ids, wanted, sequence.Length);
    }

    /// <summary>The sequence that they extend.</summary>
    public Sequence Sequence { get; }

    /// <summary>Ids that the sequence holds.</summary>
    public int Fed => Sequence.Length - _start;

    /// <summary>Ids that it does not hold yet.</summary>
    public int Left => _ids.Length - Fed;

    /// <summary>The next ids; the same ones again if they were not fed.</summary>
    /// <param name="mostTokens">The most ids.</param>
    /// <param name="mostRows">The most rows of logits that they ask for; fewer ids where there would be more.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is less than 1.</exception>
    public BatchItem Next(int mostTokens = Sequence.ChunkTokens, int mostRows = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mostTokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(mostRows, 1);
        int fed = Fed, count = _wanted.Fitting(fed, Math.Min(mostTokens, Left), mostRows);
        return new(Sequence, _ids.Slice(fed, count), _wanted.Slice(fed, count, _ids.Length));
    }
}
