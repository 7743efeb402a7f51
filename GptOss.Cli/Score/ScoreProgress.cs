using System.Diagnostics;
using System.Globalization;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Score;

/// <summary>How far a corpus has been scored and how long the rest will take, on standard error: in place on a terminal, else a line a minute.</summary>
/// <param name="terminal">Where it is shown.</param>
/// <param name="documents">Documents in all, those of earlier runs included.</param>
/// <param name="done">Documents of earlier runs.</param>
/// <param name="bytes">Bytes of the lines that are left.</param>
internal sealed class ScoreProgress(Terminal terminal, long documents, long done, double bytes)
{
    private readonly long _begin = Stopwatch.GetTimestamp();
    private double _bytes;
    private long _tokens;
    private TimeSpan _next = TimeSpan.FromSeconds(terminal.HasAnimation ? 0.5 : 10);
    private int _width;

    /// <summary>Counts a pass of the model.</summary>
    internal void Read(double lineBytes, int tokens)
    {
        _bytes += lineBytes;
        _tokens += tokens;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(_begin);
        if (elapsed < _next)
            return;
        _next = elapsed + TimeSpan.FromSeconds(terminal.HasAnimation ? 0.5 : 60);
        string sentence = Sentence(done, documents, _bytes / Math.Max(bytes, 1), _tokens, elapsed);
        if (terminal.HasAnimation)
            terminal.Error.Write($"\r{sentence.PadRight(_width)}");
        else
            terminal.Error.WriteLine(sentence);
        _width = sentence.Length;
    }

    /// <summary>Counts a finished document.</summary>
    internal void Finished() => done++;

    /// <summary>Clears the line.</summary>
    internal void End()
    {
        if (terminal.HasAnimation && _width > 0)
            terminal.Error.Write($"\r{new string(' ', _width)}\r");
        _width = 0;
    }

    /// <summary>1,204 of 5,000 documents, 1,830.4 tokens/s, 12 min left.</summary>
    /// <param name="done">Finished documents.</param>
    /// <param name="documents">All documents.</param>
    /// <param name="share">How much of this run's work is done, 0 to 1.</param>
    /// <param name="tokens">Tokens that this run has read.</param>
    /// <param name="elapsed">Since this run began.</param>
    internal static string Sentence(long done, long documents, double share, long tokens, TimeSpan elapsed)
    {
        double seconds = Math.Max(elapsed.TotalSeconds, 1e-6), left = share <= 0 ? double.NaN : seconds * (1 - Math.Min(share, 1)) / share;
        return string.Create(CultureInfo.InvariantCulture, $"{done:N0} of {documents:N0} documents, {tokens / seconds:F1} tokens/s, {Time(left)} left");
    }

    private static string Time(double seconds) => seconds switch
    {
        < 99.5 => string.Create(CultureInfo.InvariantCulture, $"{seconds:F0} s"),
        < 5970 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:F0} min"),
        < 48 * 3600 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:F1} h"),
        <= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 86400:F1} days"),
        _ => "unknown time",
    };
}
