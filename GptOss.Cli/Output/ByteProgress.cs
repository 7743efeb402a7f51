using System.Globalization;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Output;

/// <summary>How far a large file has been written, how fast, and how long the rest will take. Reports may come from any thread.</summary>
/// <param name="terminal">Where it is shown.</param>
/// <param name="bytes">The length of the file.</param>
internal sealed class ByteProgress(Terminal terminal, long bytes) : IProgress<long>
{
    private readonly ProgressLine _line = new(terminal);
    private readonly Lock _lock = new();

    public void Report(long value)
    {
        lock (_lock)
        {
            if (value < bytes)
                _line.Show(() => Sentence(value, bytes, _line.Elapsed));
            else
                _line.Clear();
        }
    }

    /// <summary>43 % of 12.8 GiB, 1.2 GiB/s, 9 s left.</summary>
    internal static string Sentence(long done, long bytes, TimeSpan elapsed)
    {
        double seconds = Math.Max(elapsed.TotalSeconds, 1e-6);
        string percent = string.Create(CultureInfo.InvariantCulture, $"{100.0 * done / bytes:F0} %");
        return $"{percent} of {Text.Short(bytes)}, {Text.Short((long)(done / seconds))}/s, {Text.Duration(seconds * (bytes - done) / done)} left";
    }
}
