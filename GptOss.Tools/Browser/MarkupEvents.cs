using System.Text;
using AngleSharp.Dom;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>What a document is, read from front to back.</summary>
internal enum MarkupKind
{
    /// <summary>An element begins.</summary>
    Start,

    /// <summary>An element ends.</summary>
    End,

    /// <summary>Text.</summary>
    Text,

    /// <summary>A comment; it is not shown, but it separates words as a tag does.</summary>
    Comment,
}

/// <summary>One step through a document.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">The element's name, or the text.</param>
/// <param name="Element">The element that begins; null for any other step.</param>
internal readonly record struct MarkupEvent(MarkupKind Kind, string Text, IElement? Element = null);

/// <summary>A document as a list of steps, repaired as the published tool repairs its source: exponents, indices, spaces between tags.</summary>
internal sealed class MarkupEvents
{
    private readonly List<MarkupEvent> _events = [];
    private readonly StringBuilder _text = new();

    /// <summary>Adds a step.</summary>
    internal void Add(MarkupEvent step)
    {
        EndText();
        _events.Add(step);
    }

    /// <summary>Adds text; texts without a step between them are one.</summary>
    internal void AddText(string text) => _text.Append(text);

    /// <summary>The steps, repaired.</summary>
    internal List<MarkupEvent> Repaired()
    {
        EndText();
        return Spaced(Scripts(Scripts(_events, "sup", '^'), "sub", '_'));
    }

    private void EndText()
    {
        if (_text.Length == 0) return;
        _events.Add(new MarkupEvent(MarkupKind.Text, _text.ToString()));
        _text.Clear();
    }

    /// <summary><c>&lt;sup&gt;x&lt;/sup&gt;</c> → <c>^{x}</c>, where x is one word.</summary>
    private static List<MarkupEvent> Scripts(List<MarkupEvent> events, string name, char mark)
    {
        var repaired = new MarkupEvents();
        for (int i = 0; i < events.Count; i++)
        {
            bool isScript = events[i].Kind is MarkupKind.Start && events[i].Text == name && i + 2 < events.Count
                && events[i + 1].Kind is MarkupKind.Text && events[i + 2].Kind is MarkupKind.End
                && events[i + 1].Text.EnumerateRunes().All(rune => rune.Value == '-' || PythonText.IsWord(rune));
            if (isScript)
            {
                repaired.AddText($"{mark}{{{events[i + 1].Text}}}");
                i += 2;
            }
            else if (events[i].Kind is MarkupKind.Text) repaired.AddText(events[i].Text);
            else repaired.Add(events[i]);
        }
        repaired.EndText();
        return repaired._events;
    }

    /// <summary>A space before every run of tags and comments between the characters of two words.</summary>
    private static List<MarkupEvent> Spaced(List<MarkupEvent> events)
    {
        int before = -1;
        for (int i = 0; i < events.Count; i++)
        {
            if (events[i].Kind is MarkupKind.Comment && events[i].Text.Contains('>')) before = -1;
            if (events[i].Kind is not MarkupKind.Text) continue;
            bool isApart = before >= 0 && i > before + 1;
            if (isApart && PythonText.IsWord(LastRune(events[before].Text)) && PythonText.IsWord(Rune.GetRuneAt(events[i].Text, 0)))
                events[before] = events[before] with { Text = events[before].Text + " " };
            before = i;
        }
        return events;
    }

    private static Rune LastRune(string text)
    {
        Rune.DecodeLastFromUtf16(text, out Rune last, out _);
        return last;
    }
}
