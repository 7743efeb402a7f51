namespace GptOss.Reference.Numerics.Caches;

/// <summary>Sequences would take more memory for keys and values than was allowed; nothing was fed. The message is one sentence.</summary>
public sealed class CacheFullException : Exception
{
    /// <summary>An exception with the sentence <paramref name="message"/>.</summary>
    public CacheFullException(string message) : base(message) { }

    /// <summary>An exception with the sentence <paramref name="message"/> and what caused it.</summary>
    public CacheFullException(string message, Exception inner) : base(message, inner) { }

    /// <summary>An exception with no sentence; for serialisers only.</summary>
    public CacheFullException() { }

    internal static CacheFullException Of(CacheMemory memory, long needed) =>
        new($"{needed} more bytes of keys and values are needed; {memory.Held} of at most {memory.Limit} are held.");
}
