using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>Wraps text to 80 columns, counted in code points, dropping nothing. Line numbers, and so citations, depend on every break.</summary>
/// <remarks>The rules of Python's <c>textwrap</c>, with white space kept.</remarks>
internal static partial class LineWrapper
{
    /// <summary>Columns of a line.</summary>
    internal const int Width = 80;

    private const int Tab = 8;

    /// <summary>The lines of a text; an empty line remains one.</summary>
    internal static List<string> Wrap(string text)
    {
        var lines = new List<string>();
        foreach (string line in text.Split('\n'))
        {
            if (line.Length == 0) lines.Add("");
            else WrapLine(ExpandTabs(line), lines);
        }
        return lines;
    }

    private static void WrapLine(string line, List<string> lines)
    {
        string shape = Shape(line, out int[] starts);                        // One char for each code point.
        var pieces = new Stack<Range>(Pieces(shape).Reverse());
        while (pieces.Count > 0)
        {
            int begin = pieces.Peek().Start.Value, end = begin;
            while (pieces.TryPeek(out Range piece) && piece.End.Value - begin <= Width) end = pieces.Pop().End.Value;
            if (pieces.TryPeek(out Range over) && over.End.Value - over.Start.Value > Width)
            {
                pieces.Pop();
                int cut = Cut(shape, over, begin + Width - end);
                if (cut < over.End.Value) pieces.Push(cut..over.End);
                end = cut;
            }
            lines.Add(line[starts[begin]..starts[end]]);
        }
    }

    // Where the line is full, or just after the last hyphen that fits, if something other than hyphens precedes it.
    private static int Cut(string shape, Range piece, int room)
    {
        int start = piece.Start.Value;
        int hyphen = room > 0 ? shape.AsSpan(start, room).LastIndexOf('-') : -1;
        return hyphen > 0 && shape.AsSpan(start, hyphen).IndexOfAnyExcept('-') >= 0 ? start + hyphen + 1 : start + room;
    }

    private static IEnumerable<Range> Pieces(string shape)
    {
        int done = 0;
        foreach (Match match in PiecePattern().Matches(shape))
        {
            if (match.Index > done) yield return done..match.Index;
            if (match.Length > 0) yield return match.Index..(match.Index + match.Length);
            done = match.Index + match.Length;
        }
        if (done < shape.Length) yield return done..shape.Length;
    }

    private static string ExpandTabs(string line)
    {
        if (!line.Contains('\t')) return line;
        var text = new StringBuilder();
        int column = 0;
        foreach (Rune rune in line.EnumerateRunes())
        {
            int spaces = Tab - column % Tab;
            if (rune.Value == '\t') text.Append(' ', spaces);
            else text.Append(rune.ToString());
            column = rune.Value == '\t' ? column + spaces : rune.Value == '\r' ? 0 : column + 1;
        }
        return text.ToString();
    }

    /// <summary>The text with every character beyond U+FFFF replaced by one that breaks like it, and where each code point begins.</summary>
    private static string Shape(string line, out int[] starts)
    {
        var shape = new StringBuilder(line.Length);
        var begins = new List<int>(line.Length + 1);
        int at = 0;
        foreach (Rune rune in line.EnumerateRunes())
        {
            begins.Add(at);
            shape.Append(rune.IsBmp ? (char)rune.Value
                : Rune.GetUnicodeCategory(rune) is UnicodeCategory.DecimalDigitNumber ? '0'
                : PythonText.IsWord(rune) ? 'x' : '\uFFFD');
            at += rune.Utf16SequenceLength;
        }
        begins.Add(at);
        starts = [.. begins];
        return shape.ToString();
    }

    private const string Space = @"[\t\n\x0b\x0c\r ]", Solid = @"[^\t\n\x0b\x0c\r ]", Word = @"[\p{L}\p{N}_]", Letter = @"[\p{L}\p{Nl}\p{No}_]";
    private const string WordOrSign = @"[\p{L}\p{N}_!""'&.,?]";

    [GeneratedRegex(
        Space + "+" +
        "|(?<=" + WordOrSign + ")-{2,}(?=" + Word + ")" +
        "|" + Solid + "+?(?:" +
        "-(?:(?<=" + Letter + "{2}-)|(?<=" + Letter + "-" + Letter + "-))(?=" + Letter + "-?" + Letter + ")" +
        "|(?=" + Space + @"|\z)" +
        "|(?<=" + WordOrSign + ")(?=-{2,}" + Word + "))")]
    private static partial Regex PiecePattern();
}
