using System.Text.Json;
using GptOss.Cli.Options;
using GptOss.Reference.Tokens;
using Xunit;

namespace GptOss.Reference.Tests.Tokens;

/// <summary>Encodings recorded from the published library, and those that the published documents and tests state.</summary>
public class TokenizerGoldenTests
{
    private static Tokenizer O200k => Tokenizer.O200kHarmony;

    private sealed record Golden(string Text, int[] Ids);

    private static Golden[] Read(string file) =>
        [.. File.ReadLines(Path.Combine(TestData.Root, "tokenizer", file))
            .Select(line => JsonSerializer.Deserialize<Golden>(line, JsonSerializerOptions.Web)!)];

    [Fact]
    public void Every_recorded_text_encodes_as_published()
    {
        Golden[] goldens = Read("encode.jsonl");
        Assert.Equal(600, goldens.Length);
        foreach ((string text, int[] ids) in goldens)
        {
            Assert.Equal(ids, O200k.Encode(text));
            Assert.Equal(text, O200k.DecodeUtf8(ids));
        }
    }

    [Fact]
    public void Every_recorded_text_with_special_tokens_encodes_as_published()
    {
        Golden[] goldens = Read("special.jsonl");
        Assert.Equal(60, goldens.Length);
        foreach ((string text, int[] ids) in goldens)
            Assert.Equal(ids, O200k.EncodeWithSpecials(text));
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("hello world", "24912 2375")]
    [InlineData("<|start|>", "27 91 5236 91 29")]
    [InlineData("Hello, world!", "13225 11 2375 0")]
    [InlineData(" hello", "40617")]
    [InlineData("hello ", "24912 220", "hello", " ")]
    [InlineData("  hello", "220 40617", " ", " hello")]
    [InlineData("   hello  world", "256 40617 220 2375", "  ", " hello", " ", " world")]
    [InlineData("\thello", "197 24912", "\thello")]
    [InlineData("\r\n", "370", "\r\n")]
    [InlineData("a\r\nb", "64 370 65", "a", "\r\n", "b")]
    [InlineData("a\n\nb", "64 279 65", "a", "\n\n", "b")]
    [InlineData("a\n \n b", "64 47812 287", "a", "\n \n", " b")]
    [InlineData("a \n", "64 793", "a", " \n")]
    [InlineData("  \n  x", "4066 220 1215", "  \n", " ", " x")]
    [InlineData("x\n   ", "87 198 271", "x", "\n", "   ")]
    [InlineData("1234567", "7633 19354 22", "123", "456", "7")]
    [InlineData("3.14159", "18 13 16926 4621", "3", ".", "141", "59")]
    [InlineData("2025-06-28", "1323 20 12 3218 12 2029", "202", "5", "-", "06", "-", "28")]
    [InlineData("0", "15")]
    [InlineData("00", "504")]
    [InlineData("000", "1302")]
    [InlineData("0000", "1302 15", "000", "0")]
    [InlineData("00000", "1302 504", "000", "00")]
    [InlineData("it's", "64190", "it's")]
    [InlineData("IT'S", "1468 31233", "IT'S")]
    [InlineData("it'\u017F", "278 6 70067", "it'\u017F")]
    [InlineData("'tis", "1507 276", "'tis")]
    [InlineData("CamelCaseHTTPServer", "137910 6187 17893 6444", "Camel", "Case", "HTTPServer")]
    [InlineData("snake_case_name", "162012 43667 2483", "snake", "_case", "_name")]
    [InlineData("foo/bar//baz", "16660 106617 393 91457", "foo", "/bar", "//", "baz")]
    [InlineData("https://example.com/a?b=1", "4172 1684 18582 1136 23839 30 65 28 16", "https", "://", "example", ".com", "/a", "?b", "=", "1")]
    [InlineData("/* c */\n//x\n", "2965 274 57696 87 198", "/*", " c", " */\n//", "x", "\n")]
    [InlineData("{\"a\": [1, 2]}", "10848 64 1243 723 16 11 220 17 28000", "{\"", "a", "\":", " [", "1", ",", " ", "2", "]}")]
    [InlineData("¡Hola! ¿Qué tal?", "20407 49864 0 12873 33273 4858 30", "¡Hola", "!", " ¿", "Qué", " tal", "?")]
    [InlineData("naïve café", "1503 9954 737 30469", "naïve", " café")]
    [InlineData("e\u0301clair", "68 13430 49243", "e\u0301clair")]
    [InlineData("\u0301", "13430", "\u0301")]
    [InlineData("你好，世界", "177519 979 28428", "你好", "，世界")]
    [InlineData("日本語のテキスト", "9048 40909 3385 16056 18368 38236", "日本語のテキスト")]
    [InlineData("안녕하세요", "14307 171731", "안녕하세요")]
    [InlineData("Привет, мир", "23881 131903 11 37934", "Привет", ",", " мир")]
    [InlineData("مرحبا بالعالم", "158894 26537 101462 12773", "مرحبا", " بالعالم")]
    [InlineData("नमस्ते", "998 1637 14681 628", "नमस्ते")]
    [InlineData("👍", "82514", "👍")]
    [InlineData("💖", "31446 244", "💖")]
    [InlineData(" 🐔", "9552 238 242", " 🐔")]
    [InlineData("\U0001F469\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466", "28823 102 2524 28823 102 2524 28823 100 2524 28823 99")]
    [InlineData("\U0001D400\U0001D401\U0001D402", "91362 222 91362 223 91362 224", "\U0001D400\U0001D401\U0001D402")]
    [InlineData("\U00020BB7野家", "172 254 106 115 28848 6150", "\U00020BB7野家")]
    [InlineData("\u00A0x", "5310 87", "\u00A0x")]
    [InlineData("\u0085x", "126 227 87", "\u0085x")]
    [InlineData("\u200Bx", "3310 87", "\u200Bx")]
    [InlineData("\u001C x", "216 1215", "\u001C", " x")]
    [InlineData("٣٤٥٦", "81473 98713 97336 122513", "٣٤٥", "٦")]
    [InlineData("½", "27124")]
    [InlineData("²³", "13848 45681", "²³")]
    [InlineData("Ⅷ", "25371 100", "Ⅷ")]
    [InlineData("ǅ", "131 227", "ǅ")]
    [InlineData("ÀÉÎ", "18724 5859 15774", "ÀÉÎ")]
    [InlineData("...", "1008")]
    [InlineData("!!!???", "10880 33110", "!!!???")]
    [InlineData("    if x:\n        return y\n", "271 538 1215 734 309 622 342 198", "   ", " if", " x", ":\n", "       ", " return", " y", "\n")]
    [InlineData("Roses are red, violets", "49 14301 553 3592 11 68484 12222")]
    [InlineData("The capital of France is", "976 9029 328 10128 382")]
    [InlineData("How are you?", "5299 553 481 30")]
    [InlineData("why did the chicken cross the road?", "60291 2242 290 21663 8088 290 8733 30")]
    [InlineData("system", "17360")]
    [InlineData("developer", "77944")]
    [InlineData("user", "1428")]
    [InlineData("assistant", "173781")]
    [InlineData("tool", "17952")]
    [InlineData("analysis", "35644")]
    [InlineData("commentary", "12606 815")]
    [InlineData("final", "17196")]
    [InlineData(" to=", "316 28")]
    [InlineData("functions", "44580")]
    [InlineData("browser", "46071")]
    [InlineData("python", "29010")]
    [InlineData("json", "4108")]
    [InlineData(" json", "5701")]
    [InlineData("code", "3056")]
    [InlineData(" code", "3490")]
    public void A_stated_text_has_its_stated_ids_and_pieces(string text, string ids, params string[] pieces)
    {
        int[] actual = O200k.Encode(text);
        Assert.Equal(ids, string.Join(' ', actual));
        Assert.Equal(text, O200k.DecodeUtf8(actual));
        if (pieces.Length > 0)
            Assert.Equal(pieces, Tokenizer.Split(text));
    }

    [Fact]
    public void A_hundred_x_are_one_piece_of_thirteen_ids() =>
        Assert.Equal([.. Enumerable.Repeat(92984, 12), 30950], O200k.Encode(new string('x', 100)));

    private sealed record Prompt(string Name, string Text, int[] Ids, string Expected, int[] Expected_Ids);

    [Fact]
    public void The_tiny_checkpoints_own_tokenizer_encodes_its_recorded_prompts()
    {
        var tiny = Tokenizer.ForCheckpoint(TestData.Tiny);
        Assert.Equal(4096, tiny.Count);
        Assert.Equal(4075, tiny.SpecialId("<|startoftext|>"));
        Assert.Equal(4082, tiny.SpecialId("<|channel|>"));
        Prompt[] prompts = JsonSerializer.Deserialize<Prompt[]>(File.ReadAllText(Path.Combine(TestData.Tiny, "prompts.json")),
            JsonSerializerOptions.Web)!;
        Assert.NotEmpty(prompts);
        foreach (Prompt prompt in prompts)
        {
            Assert.Equal(prompt.Ids, tiny.EncodeWithSpecials(prompt.Text));
            Assert.Equal(prompt.Text, tiny.Decode(prompt.Ids));
            Assert.Equal(prompt.Expected_Ids, tiny.EncodeWithSpecials(prompt.Expected));
            Assert.Equal(prompt.Expected, tiny.DecodeUtf8(prompt.Expected_Ids));
        }
    }
}
