using System.Diagnostics;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Output;

/// <summary>
/// One line on standard error that says how far something has come. A terminal shows it in place; elsewhere there is nothing, or a line a minute.
/// Not thread-safe.
/// </summary>
/// <param name="terminal">Where it is shown.</param>
/// <param name="isLogged">Whether there is a line a minute where nothing can be shown in place.</param>
internal sealed class ProgressLine(Terminal terminal, bool isLogged = false)
{
    private readonly long _begin = Stopwatch.GetTimestamp();
    private TimeSpan _next = terminal.HasAnimation ? TimeSpan.Zero : TimeSpan.FromSeconds(10);
    private int _width;

    /// <summary>Since the line was made.</summary>
    internal TimeSpan Elapsed => Stopwatch.GetElapsedTime(_begin);

    /// <summary>Shows a sentence, unless the last one is too fresh.</summary>
    internal void Show(Func<string> sentence)
    {
        if (Elapsed < _next || !(terminal.HasAnimation || isLogged))
            return;
        _next = Elapsed + TimeSpan.FromSeconds(terminal.HasAnimation ? 0.1 : 60);
        string text = sentence();
        if (terminal.HasAnimation)
        {
            terminal.ErrorControl.Write('\r');
            terminal.Error.Write(text.PadRight(_width));
        }
        else
        {
            terminal.Error.WriteLine(text);
        }
        _width = text.Length;
    }

    /// <summary>Clears the line, so that something else can be written.</summary>
    internal void Clear()
    {
        if (terminal.HasAnimation && _width > 0)
            terminal.ErrorControl.Write($"\r{new string(' ', _width)}\r");
        _width = 0;
    }
}
