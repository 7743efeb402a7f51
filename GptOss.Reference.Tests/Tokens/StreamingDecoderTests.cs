using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Tokens;

/// <summary>The streams that the published parser's tests state; deltas after an error come one token earlier here.</summary>
public class StreamingDecoderTests
{
    private static readonly int Worked = Assert.Single(Tokenizer.O200kHarmony.Encode("worked"));

    private static IEnumerable<string?> Deltas(params int[] ids)
    {
        var decoder = new StreamingDecoder(Tokenizer.O200kHarmony);
        return [.. ids.Select(decoder.Append), decoder.Flush()];
    }

    [Fact]
    public void An_unfinished_character_waits() => Assert.Equal<string?>([" ", null, "🐔", ""], Deltas(9552, 238, 242));

    [Fact]
    public void A_first_half_gives_null_and_not_an_empty_text() => Assert.Equal<string?>([null, "💖", ""], Deltas(31446, 244));

    [Fact]
    public void A_broken_character_becomes_one_replacement() =>
    Assert.Equal<string?>([" ", "\uFFFD ", "\uFFFDworked", ""], Deltas(9552, 9552, Worked));

    [Fact]
    public void Text_after_a_broken_character_is_not_lost() => Assert.Equal<string?>([" ", "\uFFFDXY", ""], Deltas(9552, 27825));

    [Fact]
    public void The_end_replaces_what_is_unfinished_and_the_decoder_is_as_new()
    {
        var decoder = new StreamingDecoder(Tokenizer.O200kHarmony);
        Assert.Equal(" ", decoder.Append(9552));
        Assert.Equal("\uFFFD", decoder.Flush());
        Assert.Equal("hello", decoder.Append(24912));
        Assert.Equal("", decoder.Flush());
    }

    [Fact]
    public void Special_and_unknown_ids_are_named() => Assert.Equal<string?>(["<|start|>", "<|id 4000000|>", ""], Deltas(200006, 4_000_000));
}
