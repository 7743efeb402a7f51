using GptOss.Cli.Terminals;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Terminals;

public class HarmlessWriterTests
{
    [Theory]
    [InlineData("a\u001b[2Jb\r\n\tc\u009b", "a\uFFFD[2Jb\n\tc\uFFFD")]
    [InlineData("one\rtwo", "one\uFFFDtwo")]
    [InlineData("\u0007\u007f\0", "\uFFFD\uFFFD\uFFFD")]
    [InlineData("Plain, häßlich 💖\n", "Plain, häßlich 💖\n")]
    public void A_terminal_obeys_nothing_in_a_text_however_it_is_cut(string text, string expected)
    {
        for (int cut = 0; cut <= text.Length; cut++)
        {
            var shown = new StringWriter { NewLine = "\n" };
            var writer = new HarmlessWriter(shown);
            writer.Write(text[..cut]);
            writer.Write(text.AsSpan(cut));
            Assert.Equal(expected, shown.ToString());
        }
    }

    [Fact]
    public void Only_what_a_person_watches_is_changed()
    {
        var output = new StringWriter();
        var error = new StringWriter();
        using var terminal = new Terminal(output, error) { IsErrorTerminal = true };
        terminal.Out.Write("\u001b[2J");
        terminal.Error.Write("\u001b[2J");
        terminal.ErrorControl.Write("\u001b[0m");
        Assert.Equal(("\u001b[2J", "\uFFFD[2J\u001b[0m"), (output.ToString(), error.ToString()));
    }
}
