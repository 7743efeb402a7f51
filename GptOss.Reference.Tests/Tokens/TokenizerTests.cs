using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using GptOss.Reference.Tokens;
using Microsoft.ML.Tokenizers;
using Xunit;
using Tokenizer = GptOss.Reference.Tokens.Tokenizer;

namespace GptOss.Reference.Tests.Tokens;

public class TokenizerTests
{
    private static Tokenizer O200k => Tokenizer.O200kHarmony;

    [Fact]
    public void The_table_is_the_published_file()
    {
        var file = new StringBuilder();
        for (int id = 0; id < 199_998; id++)
            file.Append(Convert.ToBase64String(O200k.TokenBytes(id).Span)).Append(' ').Append(id).Append('\n');
        byte[] bytes = Encoding.ASCII.GetBytes(file.ToString());
        Assert.Equal(3_613_922, bytes.Length);
        Assert.Equal("446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    [Fact]
    public void Every_id_below_the_count_decodes()
    {
        Assert.Equal(201_088, O200k.Count);
        int notTextAlone = 0, longest = 0;
        for (int id = 0; id < O200k.Count; id++)
        {
            ReadOnlySpan<byte> bytes = O200k.TokenBytes(id).Span;
            Assert.Equal(Encoding.UTF8.GetString(bytes), O200k.Decode([id]));
            Assert.Equal(id >= 199_998, O200k.IsSpecial(id));
            if (O200k.IsSpecial(id))
            {
                Assert.Equal(id, O200k.SpecialId(O200k.SpecialName(id)!));
                Assert.Equal([id], O200k.EncodeWithSpecials(O200k.SpecialName(id)!));
            }
            if (!System.Text.Unicode.Utf8.IsValid(bytes))
                notTextAlone++;
            longest = Math.Max(longest, bytes.Length);
        }

        Assert.Equal(1562, notTextAlone);
        Assert.Equal(128, longest);
        Assert.Equal(128, O200k.TokenBytes(72056).Length);
    }

    [Theory]
    [InlineData("<|startoftext|>", 199998)]
    [InlineData("<|endoftext|>", 199999)]
    [InlineData("<|reserved_200000|>", 200000)]
    [InlineData("<|return|>", 200002)]
    [InlineData("<|constrain|>", 200003)]
    [InlineData("<|channel|>", 200005)]
    [InlineData("<|start|>", 200006)]
    [InlineData("<|end|>", 200007)]
    [InlineData("<|message|>", 200008)]
    [InlineData("<|call|>", 200012)]
    [InlineData("<|reserved_201087|>", 201087)]
    public void A_special_token_has_its_published_id(string name, int id)
    {
        Assert.Equal(id, O200k.SpecialId(name));
        Assert.Equal(name, O200k.SpecialName(id));
        Assert.Equal([id], O200k.EncodeWithSpecials(name));
        Assert.All(O200k.Encode(name), ordinary => Assert.False(O200k.IsSpecial(ordinary)));
    }

    [Fact]
    public void Id_200018_has_an_alias_and_keeps_its_reserved_name()
    {
        Assert.Equal([200018], O200k.EncodeWithSpecials("<|endofprompt|>"));
        Assert.Equal("<|reserved_200018|>", O200k.Decode([200018]));
        Assert.Null(O200k.SpecialId("<|reserved_201088|>"));
        Assert.Null(O200k.SpecialName(24912));
    }

    [Fact]
    public void Text_before_a_special_token_is_split_as_a_text_of_its_own()
    {
        // Three spaces that end a text are one piece; before a word they would be two and one.
        Assert.Equal([271, 200006, 24912], O200k.EncodeWithSpecials("   <|start|>hello"));
        Assert.Equal([27, 91, .. O200k.EncodeWithSpecials("<|end|>")], O200k.EncodeWithSpecials("<|<|end|>"));
    }

    [Fact]
    public void An_unpaired_surrogate_counts_as_the_replacement_character()
    {
        Assert.Equal(O200k.Encode("a\uFFFDb"), O200k.Encode("a\uD83Db"));
        Assert.Equal(O200k.Encode("\uFFFD\uFFFD"), O200k.Encode("\uDC00\uD800"));
        Assert.Equal("x\uFFFD", string.Concat(Tokenizer.Split("x\uD800")));
        Assert.Equal(O200k.Encode("\uFFFD💖"), O200k.Encode("\uD83D💖"));
    }

    [Fact]
    public void An_unknown_id_is_named_by_decode_and_refused_by_the_strict_forms()
    {
        Assert.Equal("hello<|id 201088|> world<|id -1|>", O200k.Decode([24912, 201088, 2375, -1]));
        TokenDecodingException error = Assert.Throws<TokenDecodingException>(() => O200k.DecodeBytes([24912, 99999999]));
        Assert.Equal("Invalid token for decoding: 99999999; this tokenizer has ids 0 to 201087.", error.Message);
        Assert.False(O200k.IsKnown(201088));
        Assert.False(O200k.IsKnown(-1));
    }

    [Fact]
    public void Strict_decoding_refuses_half_a_character()
    {
        Assert.Contains("Chicken", O200k.Decode([132990, 9552]), StringComparison.Ordinal);
        TokenDecodingException error = Assert.Throws<TokenDecodingException>(() => O200k.DecodeUtf8([9552, 24912]));
        Assert.Equal("Invalid utf-8: no whole character begins at byte 1 of the 8 decoded.", error.Message);
    }

    [Fact]
    public void A_byte_order_mark_is_text() => Assert.Equal("\uFEFFx", O200k.Decode(O200k.Encode("\uFEFFx")));

    [Theory]
    [InlineData("a")]
    [InlineData("lorem")]
    [InlineData("\U0001D400")]
    [InlineData("日")]
    [InlineData(" ")]
    [InlineData("=-")]
    public void A_piece_of_a_million_units_takes_about_linear_time(string unit)
    {
        string text = string.Concat(Enumerable.Repeat(unit, 1_000_000 / unit.Length));
        O200k.Encode("warm");
        var watch = Stopwatch.StartNew();
        int[] ids = O200k.Encode(text);
        watch.Stop();
        TestContext.Current.TestOutputHelper?.WriteLine($"{text.Length} units of '{unit}': {ids.Length} ids in {watch.ElapsedMilliseconds} ms");
        Assert.Equal(text, O200k.DecodeUtf8(ids));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"took {watch.Elapsed}");     // quadratic time would be hours
    }

    [Fact]
    public void The_packages_own_tokenizer_agrees_where_its_pattern_does()
    {
        var package = TiktokenTokenizer.CreateForEncoding("o200k_base");
        var random = new Random(7);
        for (int round = 0; round < 3000; round++)
        {
            string text = MixedText.Bmp(random, 40);
            Assert.Equal(package.EncodeToIds(text), O200k.Encode(text));
        }
    }

    [Fact]
    public void A_checkpoint_without_a_tokenizer_has_o200k_harmony()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            Assert.Same(O200k, Tokenizer.ForCheckpoint(folder.FullName));
            File.Copy(Path.Combine(TestData.Tiny, "tokenizer.json"), Path.Combine(folder.FullName, "tokenizer.json"));
            Assert.Equal(4096, Tokenizer.ForCheckpoint(folder.FullName).Count);
            Assert.Equal(4096, Tokenizer.ForCheckpoint(folder.CreateSubdirectory("original").FullName).Count);
            Assert.Equal(4096, Tokenizer.ForCheckpoint(Path.Combine(folder.FullName, "original") + Path.DirectorySeparatorChar).Count);
            Assert.Same(O200k, Tokenizer.ForCheckpoint(folder.CreateSubdirectory("other").FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
