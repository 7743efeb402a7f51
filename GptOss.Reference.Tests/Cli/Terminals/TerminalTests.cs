using GptOss.Cli.Terminals;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Terminals;

public class TerminalTests
{
    [Fact]
    public void A_word_is_red_where_a_person_watches_and_nothing_else_in_the_text_is_obeyed()
    {
        Assert.SkipUnless(string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")), "NO_COLOR is set.");
        var output = new StringWriter();
        new Terminal(output, TextWriter.Null) { IsOutputTerminal = true }.Write("a\u001b[2J FAILED, OVER and FAILED", "OVER", "FAILED");
        Assert.Equal("a\uFFFD[2J \e[31mFAILED\e[0m, \e[31mOVER\e[0m and \e[31mFAILED\e[0m", output.ToString());
    }

    [Fact]
    public void Elsewhere_a_text_is_what_it_is()
    {
        var output = new StringWriter();
        new Terminal(output, TextWriter.Null).Write("FAILED", "FAILED");
        Assert.Equal("FAILED", output.ToString());
    }
}
