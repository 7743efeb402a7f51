namespace GptOss.Reference.Serving;

/// <summary>What a scheduler is doing.</summary>
/// <param name="Running">Requests with a place.</param>
/// <param name="Waiting">Requests without one.</param>
/// <param name="BatchSize">Sequences in the last step.</param>
/// <param name="CacheBytes">Keys and values of running sequences and kept prefixes; pages that are shared count once each.</param>
/// <param name="CacheRatio">Their share of what is allowed.</param>
/// <param name="PrefixBytes">Those of kept prefixes.</param>
public readonly record struct SchedulerState(int Running, int Waiting, int BatchSize, long CacheBytes, double CacheRatio, long PrefixBytes);
