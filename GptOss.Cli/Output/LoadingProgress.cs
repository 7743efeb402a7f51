using GptOss.Cli.Terminals;
using GptOss.Reference.Model;

namespace GptOss.Cli.Output;

/// <summary>How far weights have been read that are preloaded or locked. Reports may come from any thread, and a little out of order.</summary>
/// <param name="terminal">Where it is shown.</param>
internal sealed class LoadingProgress(Terminal terminal) : IProgress<LoadProgress>
{
    private const long LargeBytes = 256 << 20;                             // about a second

    private readonly Lock _lock = new();
    private ByteProgress? _bytes;
    private long _done;

    public void Report(LoadProgress value)
    {
        if (value.Total < LargeBytes)
            return;
        lock (_lock)
        {
            if (_bytes is null)
                terminal.Error.WriteLine($"Reading the weights, {Text.Bytes(value.Total)}.");
            _bytes ??= new(terminal, value.Total);
            if (value.Done > _done)
                _bytes.Report(_done = value.Done);
        }
    }
}
