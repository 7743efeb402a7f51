using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Numerics.Attention;

/// <summary>One query token: where its keys are and how far it sees.</summary>
internal readonly struct QueryRow(HostCache cache, int position)
{
    internal readonly HostCache Cache = cache;
    internal readonly int Position = position;

    /// <summary>How many keys it sees, its own among them.</summary>
    internal int Keys(int? window) => Math.Min(Position + 1, window ?? int.MaxValue);
}
