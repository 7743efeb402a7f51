using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Tokens;

public class PieceSplitterTests
{
    // The published pattern, run by an engine that had no part in ours. It sees surrogate halves, so its texts stay in the BMP; and
    // its case folding does not join ſ with s, so ſ stays out too (a golden has it).
    private static readonly Regex Published = new(PieceSplitter.Pattern, RegexOptions.CultureInvariant);

    private static string[] ByRegex(string text) => [.. Published.Matches(text).Select(match => match.Value)];

    [Fact]
    public void Pieces_are_the_published_patterns_on_thirty_thousand_random_texts()
    {
        var random = new Random(1);
        for (int round = 0; round < 30_000; round++)
        {
            string text = MixedText.Bmp(random, 24);
            Assert.Equal(ByRegex(text), Tokenizer.Split(text));
        }
    }

    [Fact]
    public void Pieces_are_the_published_patterns_on_any_characters_of_the_bmp() =>
        Prop.ForAll(
            Gen.Choose(0, 0xFFFF).Select(value => (char)value).Where(c => !char.IsSurrogate(c) && c != '\u017F').ListOf()
                .Select(list => new string([.. list])).ToArbitrary(),
            text => Assert.Equal(ByRegex(text), Tokenizer.Split(text))).QuickCheckThrowOnFailure();

    [Fact]
    public void A_letter_outside_the_bmp_is_a_letter()
    {
        Assert.Equal(["a", "𝐀b", " 𠮷b"], Tokenizer.Split("a𝐀b 𠮷b"));
        Assert.Equal(["𐐀𐐨", "𐐀𐐨"], Tokenizer.Split("𐐀𐐨𐐀𐐨"));     // upper then lower: a new word begins at each capital
        Assert.Equal(["𝟏𝟏𝟏", "𝟏"], Tokenizer.Split("𝟏𝟏𝟏𝟏"));
        Assert.Equal(["💖a"], Tokenizer.Split("💖a"));
    }
}
