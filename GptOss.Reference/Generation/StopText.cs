using System.Text;

namespace GptOss.Reference.Generation;

/// <summary>Lets text through until it contains a stop text, which is cut off; holds back what may be the beginning of one.</summary>
/// <param name="stops">Texts to stop at, none empty; none at all lets everything through.</param>
public sealed class StopText(IReadOnlyList<string> stops)
{
    private readonly StringBuilder _held = new();

    /// <summary>Whether a stop text has appeared; nothing follows.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>Takes more text.</summary>
    /// <returns>What is certain to be before any stop text.</returns>
    public string Append(string? text)
    {
        if (HasStopped || string.IsNullOrEmpty(text)) return "";
        if (stops.Count == 0) return text;
        string all = _held.Append(text).ToString();
        _held.Clear();
        int first = -1;
        foreach (string stop in stops)
        {
            int at = all.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (first < 0 || at < first)) first = at;
        }
        if (first >= 0)
        {
            HasStopped = true;
            return all[..first];
        }

        int kept = stops.Max(stop => Overlap(all, stop));
        _held.Append(all, all.Length - kept, kept);
        return all[..^kept];
    }

    /// <summary>Ends the text.</summary>
    /// <returns>What was held back.</returns>
    public string Flush()
    {
        string rest = _held.ToString();
        _held.Clear();
        return rest;
    }

    // Length of the longest end of the text that begins the stop text.
    private static int Overlap(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length))) return length;
        }
        return 0;
    }
}
