namespace GptOss.Reference.Model;

/// <summary>Adds up what several threads have read.</summary>
internal sealed class LoadCount(IProgress<LoadProgress> progress, long total) : IProgress<long>
{
    private long _done;

    public void Report(long value) => progress.Report(new(Interlocked.Add(ref _done, value), total));
}
