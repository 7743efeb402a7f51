namespace GptOss.Reference.Serving;

/// <summary>How much a scheduler takes on at once.</summary>
public sealed record SchedulerOptions
{
    private readonly int _maxSequences = 32, _maxQueue = 64;
    private readonly long _cacheBytes = 1L << 30, _prefixBytes = 1L << 28;

    /// <summary>Answers that are generated at once; further requests wait.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Less than 1.</exception>
    public int MaxSequences
    {
        get => _maxSequences;
        init => _maxSequences =
            value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxSequences), value, "At least 1 answer is generated at once.");
    }

    /// <summary>Requests that may wait; a further one is refused.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public int MaxQueue
    {
        get => _maxQueue;
        init => _maxQueue = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxQueue), value, "A queue has no negative length.");
    }

    /// <summary>
    /// Bytes for keys and values of running sequences, without what they share with kept prompts. One request may always run; the youngest of several
    /// gives way when they outgrow it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public long CacheBytes
    {
        get => _cacheBytes;
        init => _cacheBytes =
            value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(CacheBytes), value, "A number of bytes is not negative.");
    }

    /// <summary>Bytes for keys and values of prompts that were read before, for later requests that begin alike.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative.</exception>
    public long PrefixBytes
    {
        get => _prefixBytes;
        init => _prefixBytes =
            value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(PrefixBytes), value, "A number of bytes is not negative.");
    }

    /// <summary>The most tokens that answers are guessed ahead; see <see cref="Generation.GenerationOptions.Speculate"/>. 8 unless stated. Changes
    /// no token.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not 0 to 32.</exception>
    public int Speculate
    {
        get;
        init => field = Generation.GenerationOptions.Checked(value, nameof(Speculate));
    } = Generation.GenerationOptions.UsualSpeculation;

    /// <summary>The same where caches have a limit of their own, such as a GPU's memory: at most a quarter of it for kept prompts.</summary>
    internal SchedulerOptions Within(long limit)
    {
        long prefixes = Math.Min(PrefixBytes, limit / 4);
        return this with { PrefixBytes = prefixes, CacheBytes = Math.Min(CacheBytes, limit - prefixes) };
    }
}
