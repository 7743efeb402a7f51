using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Tokens;

/// <summary>What holds for any text and any ids.</summary>
public class TokenizerPropertyTests
{
    private static Tokenizer O200k => Tokenizer.O200kHarmony;

    private static readonly Tokenizer Tiny = Tokenizer.ForCheckpoint(TestData.Tiny);

    private static Arbitrary<string> Texts => Gen.Choose(0, int.MaxValue - 1).Select(seed => MixedText.Any(new Random(seed), 60)).ToArbitrary();

    private static Arbitrary<int[]> Ids => Gen.Choose(-2, 201_100).ArrayOf().ToArbitrary();

    [Fact]
    public void Decoding_an_encoding_gives_the_text_back() => Prop.ForAll(Texts, text =>
    {
        Assert.Equal(text, O200k.DecodeUtf8(O200k.Encode(text)));
        Assert.Equal(text, O200k.DecodeUtf8(O200k.EncodeWithSpecials(text)));
        Assert.Equal(text, Tiny.DecodeUtf8(Tiny.Encode(text)));
        Assert.Equal(text, string.Concat(Tokenizer.Split(text)));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Ordinary_mode_emits_no_special_id() => Prop.ForAll(Texts, Gen.Choose(199_998, 201_087).ToArbitrary(), (text, id) =>
    {
        string hostile = text + O200k.SpecialName(id) + text;
        Assert.All(O200k.Encode(hostile), ordinary => Assert.InRange(ordinary, 0, 199_997));
        Assert.Contains(id, O200k.EncodeWithSpecials(hostile));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Streaming_gives_the_text_of_decoding_for_any_text() => Prop.ForAll(Texts, text =>
    {
        int[] ids = O200k.Encode(text);
        Assert.Equal(text, Stream(ids));
        for (int cut = 0; cut <= ids.Length; cut++)
            Assert.Equal(O200k.Decode(ids.AsSpan(0, cut)), Stream(ids[..cut]));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Streaming_gives_the_text_of_decoding_for_any_ids() =>
    Prop.ForAll(Ids, ids => Assert.Equal(O200k.Decode(ids), Stream(ids))).QuickCheckThrowOnFailure();

    [Fact]
    public void Streaming_gives_the_text_of_decoding_for_any_bytes() => Prop.ForAll(
        Gen.Choose(0, 255).ArrayOf().ToArbitrary(), ids => Assert.Equal(O200k.Decode(ids), Stream(ids))).QuickCheckThrowOnFailure();

    private static string Stream(int[] ids)
    {
        var decoder = new StreamingDecoder(O200k);
        string text = string.Concat(ids.Select(decoder.Append));
        return text + decoder.Flush();
    }
}
