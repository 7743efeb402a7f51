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

    /// <summary>How many rows that makes for <paramref name="tokens"/> new tokens.</summary>
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

/// <summary>New tokens of one sequence: a prompt, a part of one, or the token that was just generated.</summary>
/// <param name="Sequence">The sequence that they extend.</param>
/// <param name="Tokens">Token ids, each below the vocabulary size.</param>
/// <param name="Logits">Which of their logits are wanted.</param>
public readonly record struct BatchItem(Sequence Sequence, ReadOnlyMemory<int> Tokens, LogitRows Logits);
