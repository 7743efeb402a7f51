using System.Globalization;
using GptOss.Cli.Output;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Score;

/// <summary>How far a corpus has been scored and how long the rest will take.</summary>
/// <param name="terminal">Where it is shown.</param>
/// <param name="documents">Documents in all, those of earlier runs included.</param>
/// <param name="done">Documents of earlier runs.</param>
/// <param name="bytes">Bytes of the lines that are left.</param>
internal sealed class ScoreProgress(Terminal terminal, long documents, long done, double bytes)
{
    private readonly ProgressLine _line = new(terminal, isLogged: true);
    private double _bytes;
    private long _tokens;

    /// <summary>Counts a pass of the model.</summary>
    internal void Read(double lineBytes, int tokens)
    {
        _bytes += lineBytes;
        _tokens += tokens;
        _line.Show(() => Sentence(done, documents, _bytes / Math.Max(bytes, 1), _tokens, _line.Elapsed));
    }

    /// <summary>Counts a finished document.</summary>
    internal void Finished() => done++;

    /// <summary>Clears the line.</summary>
    internal void End() => _line.Clear();

    /// <summary>1,204 of 5,000 documents, 1,830.4 tokens/s, 12 min left.</summary>
    /// <param name="done">Finished documents.</param>
    /// <param name="documents">All documents.</param>
    /// <param name="share">How much of this run's work is done, 0 to 1.</param>
    /// <param name="tokens">Tokens that this run has read.</param>
    /// <param name="elapsed">Since this run began.</param>
    internal static string Sentence(long done, long documents, double share, long tokens, TimeSpan elapsed)
    {
        double seconds = Math.Max(elapsed.TotalSeconds, 1e-6), left = share <= 0 ? double.NaN : seconds * (1 - Math.Min(share, 1)) / share;
        return string.Create(CultureInfo.InvariantCulture, $"{done:N0} of {documents:N0} documents, {(tokens > 0 ? Text.Rate(tokens, seconds) + ", " : "")}{Text.Duration(left)} left");
    }
}
