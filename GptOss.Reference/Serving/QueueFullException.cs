using GptOss.Reference.Ground;

namespace GptOss.Reference.Serving;

/// <summary>As many requests wait as may.</summary>
/// <param name="retryAfterSeconds">When a place is expected to be free.</param>
public sealed class QueueFullException(int retryAfterSeconds)
    : GptOssException("As many requests are waiting as this server admits; try again later.")
{
    /// <summary>Seconds until a place is expected to be free, 1 to 60.</summary>
    public int RetryAfterSeconds { get; } = retryAfterSeconds;
}
