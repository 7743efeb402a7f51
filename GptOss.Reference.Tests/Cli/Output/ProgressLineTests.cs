using GptOss.Cli.Output;
using GptOss.Cli.Terminals;
using Xunit;

namespace GptOss.Reference.Tests.Cli.Output;

public class ProgressLineTests
{
    [Fact]
    public void On_a_terminal_a_sentence_is_written_over_the_last_and_cleared_at_the_end()
    {
        var error = new StringWriter();
        var line = new ProgressLine(new Terminal(TextWriter.Null, error) { IsErrorTerminal = true });
        line.Show(() => "long sentence");
        line.Show(() => throw new InvalidOperationException("This one is too soon."));
        line.Clear();
        line.Clear();
        Assert.Equal("\rlong sentence\r             \r", error.ToString());
    }

    [Fact]
    public void Elsewhere_nothing_is_written()
    {
        var error = new StringWriter();
        var line = new ProgressLine(new Terminal(TextWriter.Null, error));
        line.Show(() => throw new InvalidOperationException("Nobody sees this."));
        line.Clear();
        Assert.Equal("", error.ToString());
    }

    [Theory]
    [InlineData(0.4, "0 s")]
    [InlineData(99.4, "99 s")]
    [InlineData(99.6, "2 min")]
    [InlineData(5980, "1.7 h")]
    [InlineData(200_000, "2.3 days")]
    [InlineData(double.NaN, "unknown time")]
    [InlineData(double.PositiveInfinity, "unknown time")]
    public void Durations_have_the_unit_that_people_use(double seconds, string text) => Assert.Equal(text, Text.Duration(seconds));

    [Fact]
    public void A_file_being_written_says_share_speed_and_time_left() =>
        Assert.Equal("25 % of 4.0 GiB, 512.0 MiB/s, 6 s left", ByteProgress.Sentence(1L << 30, 4L << 30, TimeSpan.FromSeconds(2)));
}
