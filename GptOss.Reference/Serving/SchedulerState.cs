namespace GptOss.Reference.Serving;

/// <summary>What a scheduler is doing.</summary>
/// <param name="Running">Requests with a place.</param>
/// <param name="Waiting">Requests without one.</param>
/// <param name="BatchSize">Sequences in the last step.</param>
/// <param name="CacheBytes">Keys and values that sequences of the model hold, kept prefixes too; a page that several share counts once.</param>
/// <param name="CacheRatio">Their share of what is allowed.</param>
/// <param name="PrefixBytes">Those of kept prefixes, which running sequences may share.</param>
public readonly record struct SchedulerState(int Running, int Waiting, int BatchSize, long CacheBytes, double CacheRatio, long PrefixBytes);
