using System.Text;
using GptOss.Cli.Terminals;

namespace GptOss.Cli.Chat;

/// <summary>Reads what a user says: through pipes a line a turn, in a terminal with history, editing and several lines.</summary>
internal sealed class ChatInput(Terminal terminal)
{
    private const string Prompt = "> ", Continued = "… ", Block = "\"\"\"";

    private readonly LineEditor? _editor = terminal.IsInteractive && Environment.GetEnvironmentVariable("TERM") != "dumb"
        ? new LineEditor(new ConsoleKeys(), terminal.OutControl)
        : null;

    /// <summary>The next turn's text; null at the end of the input.</summary>
    internal string? Read()
    {
        if (terminal.IsInputRedirected)
            return terminal.In.ReadLine();
        if (Line(Prompt) is not { } first)
            return null;
        string text = Complete(first, () => Line(Continued));
        _editor?.Remember(text);
        return text;
    }

    /// <summary>An answer to a question, outside the history; null at the end of the input.</summary>
    /// <exception cref="OperationCanceledException">Ctrl+C was pressed instead.</exception>
    internal string? Question(string question) => Line(question, isQuestion: true);

    /// <summary>
    /// A text that may have several lines: a line that ends with a backslash continues on the next, and text that begins with three
    /// quotation marks continues until three more.
    /// </summary>
    /// <param name="first">Its first line.</param>
    /// <param name="next">Reads a further line; null at the end of the input.</param>
    internal static string Complete(string first, Func<string?> next)
    {
        if (first.TrimStart().StartsWith(Block, StringComparison.Ordinal))
        {
            var block = new StringBuilder(first.TrimStart()[Block.Length..]);
            while (!Ends(block))
            {
                if (next() is not { } more)
                    return block.ToString();
                if (block.Length > 0)
                    block.Append('\n');
                block.Append(more);
            }
            string text = block.ToString().TrimEnd();
            return text[..^Block.Length].TrimEnd('\n');
        }
        string lines = first;
        while (lines.EndsWith('\\') && next() is { } more)
            lines = $"{lines[..^1]}\n{more}";
        return lines;
    }

    private static bool Ends(StringBuilder block) => block.ToString().TrimEnd().EndsWith(Block, StringComparison.Ordinal);

    private string? Line(string prompt, bool isQuestion = false)
    {
        if (_editor is not null)
            return _editor.Read(prompt, isQuestion);
        terminal.Error.Write(prompt);
        return terminal.In.ReadLine();
    }
}
