namespace GptOss.Reference.Numerics.Formats;

/// <summary>How far ahead of the loads the next cache lines are asked for.</summary>
/// <remarks>
/// Four rows that are read side by side lie one after the other, so what comes next is asked for in the order of the file, a few rows
/// ahead, into the L2 cache. Hints for each row by itself, or into L1, left the bfloat16 kernel at 13.7 instead of 22.0 GB/s (EPYC, 1 thread,
/// reading alone 24).
/// </remarks>
internal static class Prefetch
{
    internal const int Bytes = 32 << 10;
}
