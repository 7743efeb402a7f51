using GptOss.Reference.Generation;
using Xunit;

namespace GptOss.Reference.Tests.Generation;

public class StopTextTests
{
    [Theory]
    [InlineData("|", "a b c", "a b c", false)]                       // no stop text
    [InlineData("end|", "the end.", "the ", true)]
    [InlineData("end|", "the e|nd.", "the ", true)]                   // across two pieces
    [InlineData("end|", "the e|n|a", "the ena", false)]               // the beginning of one, and then not
    [InlineData("end|", "the en", "the en", false)]                   // given out at the end
    [InlineData("aab|", "aa|ab", "a", true)]                          // the beginning overlaps itself
    [InlineData("abc|b|", "ab|c", "a", true)]                         // the first one to be complete
    [InlineData("x|yz|", "1yz2x", "1", true)]
    public void Text_is_cut_before_the_first_stop_text(string stops, string pieces, string expected, bool hasStopped)
    {
        var filter = new StopText(stops.Split('|', StringSplitOptions.RemoveEmptyEntries));
        string text = string.Concat(pieces.Split('|').Select(filter.Append)) + filter.Flush();
        Assert.Equal((expected, hasStopped), (text, filter.HasStopped));
    }

    [Fact]
    public void Only_what_may_begin_a_stop_text_is_held_back()
    {
        var filter = new StopText(["<|end|>"]);
        Assert.Equal("a", filter.Append("a<|"));
        Assert.Equal("<|b", filter.Append("b"));
    }
}
