using System.Text;

namespace GptOss.Cli.Terminals;

/// <summary>Writes text to a terminal without its control characters.</summary>
/// <remarks>
/// A model, a tool, a page, a file's name or its content may hold sequences that move the cursor, change the title or answer for the user. Every
/// control character other than line end and tab becomes U+FFFD. The program's own control sequences bypass this writer:
/// <see cref="Terminal.OutControl"/>, <see cref="Terminal.ErrorControl"/>.
/// </remarks>
/// <param name="inner">Where the terminal is.</param>
internal sealed class HarmlessWriter(TextWriter inner) : TextWriter
{
    private bool _hasReturn;            // a carriage return that may belong to a line end

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write(value.AsSpan());

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        if (!_hasReturn && !buffer.ContainsAnyInRange('\0', '\b') && !buffer.ContainsAnyInRange('\v', '\u001f')
            && !buffer.ContainsAnyInRange('\u007f', '\u009f'))
        {
            inner.Write(buffer);
            return;
        }
        var shown = new StringBuilder(buffer.Length);
        foreach (char c in buffer)
        {
            if (_hasReturn && c != '\n')
                shown.Append('\uFFFD');
            _hasReturn = c == '\r';
            if (!_hasReturn)
                shown.Append(char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c);
        }
        inner.Write(shown.ToString());
    }

    public override void WriteLine() => Write("\n");

    public override void WriteLine(string? value)
    {
        Write(value);
        Write("\n");
    }

    public override void Flush() => inner.Flush();
}
