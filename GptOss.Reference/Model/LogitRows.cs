namespace GptOss.Reference.Model;

/// <summary>Which of the new tokens' logits are wanted.</summary>
public readonly struct LogitRows : IEquatable<LogitRows>
{
    private enum Kind
    {
        None,
        Last,
        All,
        Some,
    }

    private readonly Kind _kind;
    private readonly ReadOnlyMemory<int> _offsets;

    private LogitRows(Kind kind, ReadOnlyMemory<int> offsets = default) => (_kind, _offsets) = (kind, offsets);

    /// <summary>None: the tokens only extend the cache.</summary>
    public static LogitRows None => default;

    /// <summary>The last token's.</summary>
    public static LogitRows Last => new(Kind.Last);

    /// <summary>Every token's.</summary>
    public static LogitRows All => new(Kind.All);

    /// <summary>Those of the new tokens at <paramref name="offsets"/>, 0-based and ascending.</summary>
    public static LogitRows At(ReadOnlyMemory<int> offsets) => new(Kind.Some, offsets);

    /// <summary>How many rows are wanted of <paramref name="tokens"/> new tokens.</summary>
    /// <exception cref="ArgumentException">An offset is outside the new tokens or not ascending.</exception>
    internal int Count(int tokens)
    {
        int last = -1;
        foreach (int offset in _offsets.Span)
        {
            if (offset <= last || offset >= tokens)
                throw new ArgumentException($"Logits of token {offset} are wanted; the offsets must ascend within 0…{tokens - 1}.");
            last = offset;
        }
        return _kind switch { Kind.None => 0, Kind.Last => Math.Min(tokens, 1), Kind.All => tokens, _ => _offsets.Length };
    }

    /// <summary>Whether the new token at <paramref name="offset"/> of <paramref name="tokens"/> is wanted.</summary>
    internal bool Contains(int offset, int tokens) => _kind switch
    {
        Kind.None => false,
        Kind.Last => offset == tokens - 1,
        Kind.All => true,
        _ => _offsets.Span.BinarySearch(offset) >= 0,
    };

    /// <summary>The wanted ones of <paramref name="tokens"/> new tokens, ascending.</summary>
    internal IEnumerable<int> Offsets(int tokens)
    {
        LogitRows rows = this;
        return Enumerable.Range(0, tokens).Where(offset => rows.Contains(offset, tokens));
    }

    /// <summary>What is wanted of the tokens <paramref name="from"/> … + <paramref name="count"/> − 1 of <paramref name="tokens"/>.</summary>
    internal LogitRows Slice(int from, int count, int tokens)
    {
        if (_kind == Kind.Some)
        {
            int first = FirstAtOrAfter(from), end = FirstAtOrAfter(from + count);
            int[] offsets = _offsets[first..end].ToArray();
            for (int i = 0; i < offsets.Length; i++)
                offsets[i] -= from;
            return At(offsets);
        }
        return _kind == Kind.Last && from + count < tokens ? None : this;
    }

    /// <summary>
    /// How many of the <paramref name="count"/> tokens from <paramref name="from"/> on can be fed before more than <paramref name="most"/> rows are
    /// wanted.
    /// </summary>
    internal int Fitting(int from, int count, int most)
    {
        if (_kind == Kind.All)
            return Math.Min(count, most);
        int beyond = _kind == Kind.Some ? FirstAtOrAfter(from) + most : int.MaxValue;
        return beyond < 0 || beyond >= _offsets.Length ? count : Math.Min(count, _offsets.Span[beyond] - from);
    }

    private int FirstAtOrAfter(int offset)
    {
        int at = _offsets.Span.BinarySearch(offset);
        return at >= 0 ? at : ~at;
    }

    /// <inheritdoc/>
    public bool Equals(LogitRows other) => _kind == other._kind && _offsets.Equals(other._offsets);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is LogitRows other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(_kind, _offsets);

    /// <summary>Equality.</summary>
    public static bool operator ==(LogitRows left, LogitRows right) => left.Equals(right);

    /// <summary>Inequality.</summary>
    public static bool operator !=(LogitRows left, LogitRows right) => !left.Equals(right);
}
