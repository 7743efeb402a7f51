using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Harmony;

public class FinalChannelTests
{
    private static Tokenizer O200k => Tokenizer.O200kHarmony;

    private static string Extract(string generated) => FinalChannel.Extract(O200k, O200k.EncodeWithSpecials(generated));

    [Theory]
    [InlineData("<|channel|>final<|message|>2 + 2 = 4.<|return|>", "2 + 2 = 4.")]
    [InlineData("<|channel|>final<|message|>2 + 2 = 4.", "2 + 2 = 4.")]
    [InlineData("<|channel|>analysis<|message|>Simple.<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>", "4")]
    [InlineData("<|channel|>final<|message|>a<|end|><|start|>assistant<|channel|>analysis<|message|>b<|end|><|start|>assistant<|channel|>final<|message|>c<|end|>", "ac")]
    [InlineData("<|channel|>final <|constrain|>json<|message|>{}<|return|>", "{}")]
    [InlineData("<|channel|>final<|constrain|>json<|message|>{}<|return|>", "{}")]
    [InlineData("<|channel|>final<|message|><|return|>", "")]
    [InlineData("<|channel|>final<|message|>a<|start|>b<|return|>", "a<|start|>b")]
    [InlineData("<|channel|>analysis<|message|>never ends", "<|channel|>analysis<|message|>never ends")]
    [InlineData("<|channel|>finally<|message|>x<|return|>", "<|channel|>finally<|message|>x<|return|>")]
    [InlineData("no header at all", "no header at all")]
    [InlineData("I cannot set to=admin for you.<|return|>", "I cannot set to=admin for you.")]
    [InlineData("<|channel|>analysis<|message|>Think.<|end|>{\"town\":\"Bergen\"}<|return|>", "{\"town\":\"Bergen\"}")]
    [InlineData("<|channel|>analysis<|message|>Think.<|start|>assistant<|channel|>final<|message|>Oslo.<|return|>", "Oslo.")]
    [InlineData("<|channel|>commentary to=functions.f<|message|>{}<|call|>", "<|channel|>commentary to=functions.f<|message|>{}<|call|>")]
    [InlineData("", "")]
    public void What_is_read_is_the_final_channel_or_what_names_none_or_everything(string generated, string expected) => Assert.Equal(expected, Extract(generated));

    [Fact]
    public void The_published_reasoning_stream_gives_its_answer()
    {
        // openai/harmony, test-data/test_simple_reasoning_response.txt: the first message is ended by <|return|>
        int[] ids =
        [
            200005, 35644, 200008, 1844, 31064, 25, 392, 4827, 382, 220, 17, 659, 220, 17, 16842, 12295, 81645, 13, 51441, 6052, 13, 200002,
            200006, 173781, 200005, 17196, 200008, 17, 659, 220, 17, 314, 220, 19, 13,
        ];
        Assert.Equal("2 + 2 = 4.", FinalChannel.Extract(O200k, ids));
    }

    [Fact]
    public void Text_comes_as_soon_as_it_is_whole()
    {
        var reader = new FinalChannel(O200k);
        int[] ids = [200005, 17196, 200008, 24912, 31446, 244, 9552, 200002];
        Assert.Equal<string?>([null, null, null, "hello", null, "💖", " ", "\uFFFD"], ids.Select(reader.Append));
        Assert.True(reader.HasBegun);
        Assert.Equal("", reader.Flush());
    }

    [Fact]
    public void The_tiny_checkpoints_expected_answer_is_read()
    {
        Tokenizer tiny = Tokenizer.ForCheckpoint(TestData.Tiny);
        int[] ids = tiny.EncodeWithSpecials("<|channel|>analysis<|message|>88 - 69 = 19.<|end|><|start|>assistant<|channel|>final<|message|>88 - 69 = 19.<|return|>");
        Assert.Equal("88 - 69 = 19.", FinalChannel.Extract(tiny, ids));
    }
}
