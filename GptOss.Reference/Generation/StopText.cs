using System.Text;

namespace GptOss.Reference.Generation;

/// <summary>Lets text through until it contains a stop text, which is cut off; holds back what may be the beginning of one.</summary>
internal sealed class StopText
{
    private readonly IReadOnlyList<string> _stops;
    private readonly StringBuilder _held = new();

    /// <summary>Stops at the first of some texts.</summary>
    /// <param name="stops">Texts to stop at, none empty; none at all lets everything through.</param>
    /// <exception cref="ArgumentOutOfRangeException">A text is empty.</exception>
    public StopText(IReadOnlyList<string> stops)
    {
        Require(stops, nameof(stops));
        _stops = stops;
    }

    /// <summary>Whether a stop text has appeared; nothing follows.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>Takes more text.</summary>
    /// <returns>What is certain to be before any stop text.</returns>
    public string Append(string? text)
    {
        if (HasStopped || string.IsNullOrEmpty(text))
            return "";
        if (_stops.Count == 0)
            return text;
        string all = _held.Append(text).ToString();
        _held.Clear();
        int first = -1;
        foreach (string stop in _stops)
        {
            int at = all.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (first < 0 || at < first))
                first = at;
        }
        if (first >= 0)
        {
            HasStopped = true;
            return all[..first];
        }

        int kept = _stops.Max(stop => Overlap(all, stop));
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

    /// <summary>Refuses an empty text, which would stop at once.</summary>
    internal static void Require(IReadOnlyList<string> stops, string name)
    {
        ArgumentNullException.ThrowIfNull(stops, name);
        for (int i = 0; i < stops.Count; i++)
        {
            if (string.IsNullOrEmpty(stops[i]))
                throw new ArgumentOutOfRangeException(name, $"Stop text {i} is empty; every text contains it.");
        }
    }

    // Length of the longest end of the text that begins the stop text.
    private static int Overlap(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                return length;
        }
        return 0;
    }
}
