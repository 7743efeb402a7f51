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

    [Theory]
    [InlineData("<|end|>", "a<|end|>b", "a")]
    [InlineData("aab|aabb", "xaaabby", "xa")]
    [InlineData("STOP|TOPS", "a STO TOP STOPS", "a STO TOP ")]
    public void A_stop_text_is_found_however_the_text_is_cut_in_three(string stops, string text, string expected)
    {
        for (int first = 0; first <= text.Length; first++)
        {
            for (int second = first; second <= text.Length; second++)
            {
                var filter = new StopText(stops.StartsWith('<') ? [stops] : stops.Split('|'));
                string shown = filter.Append(text[..first]) + filter.Append(text[first..second]) + filter.Append(text[second..]) + filter.Flush();
                Assert.Equal((expected, true), (shown, filter.HasStopped));
            }
        }
    }
}
