using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using GptOss.Tools.Strings;

namespace GptOss.Tools.Browser;

/// <summary>
/// Writes a document as the published browser shows it: Markdown without links, images, emphasis and tables, and without wrapping.
/// </summary>
/// <remarks>
/// Blank lines and spaces are owed, not written: a block asks for a break, the next text pays it. What begins an item or a quotation
/// forgives the debt. The rules are those observed of html2text 2025.4.15 with the published tool's settings.
/// </remarks>
internal sealed partial class MarkdownWriter
{
    private readonly record struct Item(bool IsOrdered, int Number);

    private readonly StringBuilder _text = new();
    private readonly List<Item> _lists = [];
    private readonly OrderedDictionary<string, string> _abbreviations = [];
    private int _owedBreaks, _quotations, _hidden, _itemWidth;
    private bool _owesSpace, _forgives = true, _afterList, _inCode, _inPre, _opensPre, _inStrike, _afterStrike;
    private string _rowEnd = "", _lastText = "", _lastTag = "";
    private StringBuilder? _abbreviation;
    private string? _abbreviationTitle;

    private MarkdownWriter()
    {
    }

    /// <summary>The text of a document, untrimmed.</summary>
    internal static string Write(IReadOnlyList<MarkupEvent> events)
    {
        var writer = new MarkdownWriter();
        foreach (MarkupEvent step in events)
        {
            if (step.Kind is MarkupKind.Text) writer.TextNode(step.Text);
            else if (step.Kind is not MarkupKind.Comment) writer.Tag(step.Text, step.Kind is MarkupKind.Start, step.Element);
        }
        writer._text.Append('\n');
        foreach ((string text, string title) in writer._abbreviations) writer._text.Append(CultureInfo.InvariantCulture, $"  *[{text}]: {title}\n");
        return writer._text.ToString();
    }

    private void Tag(string name, bool begins, AngleSharp.Dom.IElement? element)
    {
        _lastTag = name;
        bool isList = name is "ul" or "ol";
        switch (name)
        {
            case ['h', >= '1' and <= '6' and var level]:
                Paragraph();
                if (begins) Put(new string('#', level - '0') + " ");
                break;
            case "p" or "div":
                Paragraph();
                break;
            case "br" when begins:
                Put(_quotations > 0 ? "  \n> " : "  \n");
                break;
            case "hr" when begins:
                Paragraph();
                Put("* * *");
                Paragraph();
                break;
            case "head" or "script" or "style":
                _hidden += begins ? 1 : -1;
                break;
            case "body":
                _hidden = 0;
                break;
            case "blockquote":
                Quotation(begins);
                break;
            case "del" or "s" or "strike":
                bool tilde = begins && _lastText.EndsWith('~');
                if (tilde) _lastText += " ";
                Put(tilde ? " ~~" : "~~");
                _inStrike |= begins;
                break;
            case "code" or "kbd" or "tt" when !_inPre:
                Put("`");
                _inCode = !_inCode;
                break;
            case "abbr":
                Abbreviation(begins, element);
                break;
            case "q":
                Put("\"");
                break;
            case "dl" when begins:
                Paragraph();
                break;
            case "dd" when begins:
                Put("    ");
                break;
            case "dt" or "dd" when !begins:
                NewLine();
                break;
            case "ul" or "ol":
                List(begins, name == "ol", element);
                break;
            case "li":
                NewLine();
                if (begins) BeginItem();
                break;
            case "tr" when !begins:
                NewLine();
                _rowEnd = "  ";
                break;
            case "pre":
                _opensPre |= begins;
                _inPre = begins;
                Paragraph();
                break;
        }
        _afterList = isList;
    }

    private void Paragraph() => _owedBreaks = 2;

    private void NewLine() => _owedBreaks = Math.Max(_owedBreaks, 1);

    private void Quotation(bool begins)
    {
        Paragraph();
        if (!begins)
        {
            _quotations = Math.Max(_quotations - 1, 0);
            return;
        }
        Put("> ", isQuotationMark: true);
        _forgives = true;
        _quotations++;
    }

    private void List(bool begins, bool isOrdered, AngleSharp.Dom.IElement? element)
    {
        if (_lists.Count == 0 && !_afterList) Paragraph();
        if (begins)
        {
            bool isNumber = int.TryParse(element?.GetAttribute("start"), NumberStyles.Integer, CultureInfo.InvariantCulture, out int start);
            _lists.Add(new Item(isOrdered, isNumber ? start - 1 : 0));
        }
        else if (_lists.Count > 0)
        {
            _lists.RemoveAt(_lists.Count - 1);
            if (_lists.Count == 0) Put("\n");
        }
    }

    private void BeginItem()
    {
        var mark = new StringBuilder();
        for (int i = 0; i < _lists.Count; i++) mark.Append(' ', i > 0 && _lists[i - 1].IsOrdered ? 3 : 2);
        if (_lists.Count > 0 && _lists[^1].IsOrdered)
        {
            _lists[^1] = _lists[^1] with { Number = unchecked(_lists[^1].Number + 1) };
            mark.Append(CultureInfo.InvariantCulture, $"{_lists[^1].Number}. ");
        }
        else mark.Append("* ");
        _itemWidth = mark.Length;
        Put(mark.ToString());
        _forgives = true;
    }

    private void Abbreviation(bool begins, AngleSharp.Dom.IElement? element)
    {
        if (!begins && _abbreviation is not null && _abbreviationTitle is not null) _abbreviations[_abbreviation.ToString()] = _abbreviationTitle;
        _abbreviation = begins ? new StringBuilder() : null;
        _abbreviationTitle = begins ? element?.GetAttribute("title") : null;
    }

    // The source writes these as references, and each is a separate text: what follows one is again the start of a text.
    private void TextNode(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            bool isReference = text[start] is '&' or '<' or '>' or '\r';
            end = isReference ? start + 1 : text.AsSpan(start).IndexOfAny("&<>\r") is var next and >= 0 ? start + next : text.Length;
            Piece(text[start..end], isReference);
        }
    }

    private void Piece(string text, bool isReference)
    {
        if (_inStrike)
        {
            text = PythonText.Trim(text);
            (_inStrike, _afterStrike) = (false, true);
        }
        else if (_afterStrike)
        {
            if (!PythonText.IsSpace(text[0]) && !"[](){}.!?".Contains(text[0]) && _lastTag is not ("a" or "code" or "pre")) text = " " + text;
            _afterStrike = false;
        }
        if (!_inCode && !_inPre && !isReference) text = Escaped(text);
        _lastText = text;
        _abbreviation?.Append(text);
        if (_hidden != 0) return;
        if (!_inPre)
        {
            text = WhiteSpace().Replace(text, " ");
            if (text.StartsWith(' '))
            {
                _owesSpace = true;
                text = text[1..];
            }
        }
        Write(text, isQuotationMark: false);
    }

    private void Put(string mark, bool isQuotationMark = false)
    {
        _abbreviation?.Append(mark);
        if (_hidden == 0) Write(mark, isQuotationMark);
    }

    private void Write(string text, bool isQuotationMark)
    {
        if (text.Length == 0) return;
        string margin = new string('>', _quotations) + (_quotations > 0 && !isQuotationMark ? " " : "");
        if (_inPre || _opensPre) text = Indented(text, ref margin);
        if (_forgives)
        {
            (_owesSpace, _owedBreaks) = (false, 0);
            _forgives = false;
        }
        for (; _owedBreaks > 0; _owedBreaks--)
        {
            _text.Append(_rowEnd).Append('\n').Append(margin);
            _owesSpace = false;
            if (_owedBreaks == 1) _rowEnd = "";
        }
        if (_owesSpace && !(_text.Length > 0 && _text[^1] == '\n')) _text.Append(' ');
        _owesSpace = false;
        _text.Append(text);
    }

    private string Indented(string text, ref string margin)
    {
        if (_opensPre && _lists.Count > 0) text = text.TrimStart('\n');           // The first line stays on the item's.
        else if (_opensPre && !text.StartsWith('\n')) text = "\n" + text;
        _opensPre = false;
        if (!_inPre) return text;
        margin += new string(' ', _lists.Count > 0 ? 4 + _itemWidth : 4);
        return text.Replace("\n", "\n" + margin);
    }

    private static string Escaped(string text)
    {
        text = BackslashBeforeMark().Replace(text, @"\\");
        text = NumberAtStart().Replace(text, @"$1\.");
        text = PlusAtStart().Replace(text, @"$1\+");
        return DashAtStart().Replace(text, @"$1\-");
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    [GeneratedRegex(@"\\(?=[\\`*_{}\[\]()#+\-.!])")]
    private static partial Regex BackslashBeforeMark();

    [GeneratedRegex(@"^(\s*\d+)\.(?=\s)", RegexOptions.Multiline)]
    private static partial Regex NumberAtStart();

    [GeneratedRegex(@"^(\s*)\+(?=\s)", RegexOptions.Multiline)]
    private static partial Regex PlusAtStart();

    [GeneratedRegex(@"^(\s*)-(?=\s|-)", RegexOptions.Multiline)]
    private static partial Regex DashAtStart();
}
