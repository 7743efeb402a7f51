using System.Globalization;
using System.Text;

namespace GptOss.Cli.Terminals;

/// <summary>Where keys come from.</summary>
internal interface IKeys
{
    /// <summary>Whether a key waits, as while text is pasted.</summary>
    bool HasNext { get; }

    /// <summary>Columns of the screen.</summary>
    int Columns { get; }

    /// <summary>Waits for the next key.</summary>
    ConsoleKeyInfo Next();
}

/// <summary>The keyboard.</summary>
internal sealed class ConsoleKeys : IKeys
{
    public bool HasNext => Console.KeyAvailable;

    public int Columns
    {
        get
        {
            try
            {
                return Console.WindowWidth is > 0 and var width ? width : 80;
            }
            catch (IOException)
            {
                return 80;
            }
        }
    }

    public ConsoleKeyInfo Next() => Console.ReadKey(intercept: true);
}

/// <summary>
/// One line with editing and history, on one row that scrolls sideways. A line end that is pasted, or typed with Alt, becomes part of the text.
/// </summary>
internal sealed class LineEditor(IKeys keys, TextWriter screen)
{
    private const int MostHistory = 1000;
    private const char ShownLineEnd = '⏎';

    private readonly List<string> _history = [];
    private readonly StringBuilder _text = new();
    private int _cursor, _first;                        // _first: the first char that is visible
    private int _place;                                 // in the history
    private string _draft = "";

    /// <summary>Adds a text to the history.</summary>
    internal void Remember(string text)
    {
        if (text.Length == 0 || _history is [.., var last] && last == text)
            return;
        if (_history.Count == MostHistory)
            _history.RemoveAt(0);
        _history.Add(text);
    }

    /// <summary>Reads a line; null for Ctrl+D on an empty one.</summary>
    /// <param name="prompt">Shown in front of it.</param>
    /// <param name="isQuestion">Whether Ctrl+C refuses to answer, rather than clears the line.</param>
    /// <exception cref="OperationCanceledException">Ctrl+C at a question.</exception>
    internal string? Read(string prompt, bool isQuestion = false)
    {
        _text.Clear();
        (_cursor, _first, _place, _draft) = (0, 0, _history.Count, "");
        using var raw = new KeysOnly(keys);
        while (true)
        {
            if (!keys.HasNext)
                Draw(prompt);
            ConsoleKeyInfo key = keys.Next();
            if (isQuestion && key is { Key: ConsoleKey.C, Modifiers: ConsoleModifiers.Control })
            {
                screen.WriteLine();
                screen.Flush();
                throw new OperationCanceledException();
            }
            switch (Act(key))
            {
                case Outcome.Done:
                    _cursor = _text.Length;
                    Draw(prompt);
                    screen.WriteLine();
                    screen.Flush();
                    return _text.ToString();
                case Outcome.End:
                    screen.WriteLine();
                    screen.Flush();
                    return null;
            }
        }
    }

    private enum Outcome
    {
        More,
        Done,
        End,
    }

    private Outcome Act(ConsoleKeyInfo key)
    {
        bool control = key.Modifiers.HasFlag(ConsoleModifiers.Control), alt = key.Modifiers.HasFlag(ConsoleModifiers.Alt);
        switch (key.Key)
        {
            case ConsoleKey.Enter when !alt && !keys.HasNext:
            case ConsoleKey.M or ConsoleKey.J when control && !keys.HasNext:
                return Outcome.Done;
            case ConsoleKey.Enter:
            case ConsoleKey.M or ConsoleKey.J when control:
                Insert('\n');
                break;
            case ConsoleKey.D when control && _text.Length == 0:
                return Outcome.End;
            case ConsoleKey.C when control:
                Replace("");
                break;
            case ConsoleKey.Backspace or ConsoleKey.H when key.Key == ConsoleKey.Backspace || control:
                Remove(Before(_cursor), _cursor);
                break;
            case ConsoleKey.Delete:
            case ConsoleKey.D when control:
                Remove(_cursor, After(_cursor));
                break;
            case ConsoleKey.LeftArrow when control || alt:
                _cursor = WordStart();
                break;
            case ConsoleKey.RightArrow when control || alt:
                _cursor = WordEnd();
                break;
            case ConsoleKey.LeftArrow:
            case ConsoleKey.B when control:
                _cursor = Before(_cursor);
                break;
            case ConsoleKey.RightArrow:
            case ConsoleKey.F when control:
                _cursor = After(_cursor);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when control:
                _cursor = 0;
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when control:
                _cursor = _text.Length;
                break;
            case ConsoleKey.U when control:
                Remove(0, _cursor);
                break;
            case ConsoleKey.K when control:
                Remove(_cursor, _text.Length);
                break;
            case ConsoleKey.W when control:
                Remove(WordStart(), _cursor);
                break;
            case ConsoleKey.UpArrow:
            case ConsoleKey.P when control:
                Recall(_place - 1);
                break;
            case ConsoleKey.DownArrow:
            case ConsoleKey.N when control:
                Recall(_place + 1);
                break;
            case ConsoleKey.L when control:
                screen.Write("\u001b[2J\u001b[H");
                break;
            default:
                if (key.KeyChar == '\t' || !char.IsControl(key.KeyChar))
                    Insert(key.KeyChar);
                break;
        }
        return Outcome.More;
    }

    private void Insert(char c) => _text.Insert(_cursor++, c);

    private void Remove(int from, int to)
    {
        _text.Remove(from, to - from);
        _cursor = from;
    }

    private void Replace(string text)
    {
        _text.Clear().Append(text);
        _cursor = text.Length;
    }

    private void Recall(int place)
    {
        if (place < 0 || place > _history.Count)
            return;
        if (_place == _history.Count)
            _draft = _text.ToString();
        _place = place;
        Replace(place == _history.Count ? _draft : _history[place]);
    }

    private int Before(int at) => at <= 0 ? 0 : at > 1 && char.IsLowSurrogate(_text[at - 1]) && char.IsHighSurrogate(_text[at - 2]) ? at - 2 : at - 1;

    private int After(int at) => at >= _text.Length ? at
        : at + 1 < _text.Length && char.IsHighSurrogate(_text[at]) && char.IsLowSurrogate(_text[at + 1]) ? at + 2 : at + 1;

    private int WordStart()
    {
        int at = _cursor;
        while (at > 0 && char.IsWhiteSpace(_text[at - 1]))
            at--;
        while (at > 0 && !char.IsWhiteSpace(_text[at - 1]))
            at--;
        return at;
    }

    private int WordEnd()
    {
        int at = _cursor;
        while (at < _text.Length && char.IsWhiteSpace(_text[at]))
            at++;
        while (at < _text.Length && !char.IsWhiteSpace(_text[at]))
            at++;
        return at;
    }

    // The part of the line around the cursor that fits behind the prompt.
    private void Draw(string prompt)
    {
        int room = Math.Max(8, keys.Columns - Width(prompt) - 1);
        // A pasted text may be long: only what can be visible is measured.
        int least = _cursor;
        for (int left = room; least > 0 && (left -= Width(Shown(Before(least), least))) >= 0;)
            least = Before(least);
        _first = Math.Clamp(_first, least, _cursor);
        int end = _first, before = 0;
        for (int left = room; end < _text.Length && (left -= Width(Shown(end, After(end)))) >= 0;)
        {
            before += end < _cursor ? Width(Shown(end, After(end))) : 0;
            end = After(end);
        }
        int column = Width(prompt) + before;
        screen.Write($"\r{prompt}{Shown(_first, end)}\u001b[K\r");
        if (column > 0)
            screen.Write(string.Create(CultureInfo.InvariantCulture, $"\u001b[{column}C"));
        screen.Flush();
    }

    private string Shown(int from, int to) => _text.ToString(from, to - from).Replace('\n', ShownLineEnd).Replace('\t', ' ');

    /// <summary>Columns that a text takes: none for combining marks, two for wide characters.</summary>
    internal static int Width(string text)
    {
        int width = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            width += Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format ? 0
                : IsWide(rune.Value) ? 2 : 1;
        }
        return width;
    }

    private static bool IsWide(int c) => c is >= 0x1100 and <= 0x115F or >= 0x2E80 and <= 0x303E or >= 0x3041 and <= 0xA4CF or >= 0xAC00 and <= 0xD7A3
        or >= 0xF900 and <= 0xFAFF or >= 0xFE30 and <= 0xFE6F or >= 0xFF00 and <= 0xFF60 or >= 0xFFE0 and <= 0xFFE6
        or >= 0x1F300 and <= 0x1F64F or >= 0x1F680 and <= 0x1F6FF or >= 0x1F900 and <= 0x1F9FF or >= 0x20000 and <= 0x3FFFD;

    /// <summary>While a line is read, Ctrl+C is a key.</summary>
    private sealed class KeysOnly : IDisposable
    {
        private readonly bool _isConsole, _before;

        internal KeysOnly(IKeys keys)
        {
            _isConsole = keys is ConsoleKeys;
            if (!_isConsole)
                return;
            _before = Console.TreatControlCAsInput;
            Console.TreatControlCAsInput = true;
        }

        public void Dispose()
        {
            if (_isConsole)
                Console.TreatControlCAsInput = _before;
        }
    }
}
