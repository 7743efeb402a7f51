using GptOss.Reference.Ground;

namespace GptOss.Reference.Numerics.Caches;

/// <summary>Sequences would need more memory for keys and values than they may use; nothing was fed.</summary>
/// <param name="message">One sentence.</param>
/// <param name="inner">What caused it; null where no other exception was caught.</param>
public sealed class CacheFullException(string message, Exception? inner = null) : GptOssException(message, inner)
{
    internal static CacheFullException Of(CacheMemory memory, long needed) =>
        new($"{needed} more bytes of keys and values are needed; {memory.Held} of at most {memory.Limit} are held.");
}
