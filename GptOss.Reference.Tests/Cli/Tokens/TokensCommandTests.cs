using System.Text.Json;
using GptOss.Reference.Tests.Checkpoints;
using Xunit;
using static GptOss.Reference.Tests.Cli.CommandLine;

namespace GptOss.Reference.Tests.Cli.Tokens;

public class TokensCommandTests
{
    [Theory]
    [InlineData("encode.jsonl")]
    [InlineData("special.jsonl", "--special")]
    public void Recorded_texts_give_their_ids_and_back(string file, params string[] options)
    {
        string path = Path.Combine(TestData.Root, "tokenizer", file);
        string[] recorded = File.ReadAllText(path).TrimEnd('\n').Split('\n');
        Answer answer = Run(["tokens", "--jsonl", "--file", path, .. options]);
        Assert.Equal((0, ""), (answer.Code, answer.Error));
        string[] found = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(
            recorded.Select(line => string.Join(',', JsonElement.Parse(line).GetProperty("ids").EnumerateArray())),
            found.Select(line => string.Join(',', JsonElement.Parse(line).GetProperty("ids").EnumerateArray())));
        string[] back = RunWith(string.Join('\n', found), ["tokens", "--jsonl", .. options]).Out.TrimEnd('\n').Split('\n');
        Assert.Equal(
            recorded.Select(line => JsonElement.Parse(line).GetProperty("text").GetString()!.Replace("<|endofprompt|>", "<|reserved_200018|>", StringComparison.Ordinal)),
            back.Select(line => JsonElement.Parse(line).GetProperty("text").GetString()));
    }

    [Fact]
    public void Odd_lines_are_answered()
    {
        Answer answer = RunWith(
            """
            {"text":"\ud800a\\ud800\ud83d\udc96"}
            {"text":"\ufffda\\ud800💖"}
            {"text":3}
            {"ids":[300000]}
            {"ids":[9552]}
            {}
            """.ReplaceLineEndings("\n"), "tokens", "--jsonl");
        string[] lines = answer.Out.TrimEnd('\n').Split('\n');
        Assert.Equal(0, answer.Code);
        Assert.Equal(lines[1], lines[0]);
        Assert.Equal(
            [
                """{"error":"text is not a string."}""",
                """{"error":"ids[0] is 300000; this tokenizer has ids 0 to 201087."}""",
                "{\"text\":\" \uFFFD\"}",
                """{"error":"The line has no ids."}""",
            ],
            lines[2..]);
    }

    [Fact]
    public void A_text_is_shown_split()
    {
        Assert.Equal(new(0, " 13225  \"Hello\"\n 74580  bytes 20F09F92\n   244  bytes 96\n200007  <|end|>\n4 tokens\n", ""), Run("tokens", "--special", "Hello 💖<|end|>"));
        Assert.Equal(new(0, "[27, 91, 5236, 91, 29]\n", ""), Run("tokens", "--as", "ids", "<|start|>"));
        Assert.Equal(new(0, "1\n", ""), Run("tokens", "--as", "count", "Hello"));
        Assert.Equal(new(0, "Hello", ""), Run("tokens", "--decode", "[13225]"));
        Assert.Equal(new(0, "   198  \"\\n\"\n1 token\n", ""), RunWith("\n", "tokens"));
    }

    [Theory]
    [InlineData("A text and --file exclude each other.", "x", "--file", "y")]
    [InlineData("--jsonl reads lines from standard input or --file; each says itself whether it is text or ids.", "--jsonl", "x")]
    public void What_cannot_be_is_refused_in_one_sentence(string sentence, params string[] args) =>
        Assert.Equal(new(2, "", sentence + "\n"), Run(["tokens", .. args]));

    [Theory]
    [InlineData("[1, 201088]", "Id 2 is 201088; this tokenizer has ids 0 to 201087.")]
    [InlineData("4294967295", "Id 1 is 4294967295; this tokenizer has ids 0 to 201087.")]
    public void An_id_without_a_token_has_no_text(string ids, string sentence)
    {
        Answer answer = Run("tokens", "--decode", ids);
        Assert.Equal((3, "", sentence), (answer.Code, answer.Out, answer.Sentence));
    }

    [Fact]
    public void Bytes_that_are_not_UTF8_are_refused_where_they_stand_or_read_as_asked()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("latin.txt"), [0x61, 0xE9, 0x62]);
        foreach (string[] command in (string[][])[["tokens", "--file", folder.File("latin.txt")], ["harmony", "parse", folder.File("latin.txt")]])
        {
            Answer answer = Run(command);
            Assert.Equal((3, "", "latin.txt: byte 1 is 0xE9, which is not UTF-8 there; --lossy reads such bytes as U+FFFD."), (answer.Code, answer.Out, answer.Sentence));
            answer = Run([.. command, "--lossy"]);
            Assert.Equal(0, answer.Code);
            Assert.Contains("\uFFFD", answer.Out, StringComparison.Ordinal);
        }
    }
}
