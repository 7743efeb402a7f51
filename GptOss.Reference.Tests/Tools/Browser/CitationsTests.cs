using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Tools.Browser;
using GptOss.Tools.Lines;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Browser;

public class CitationsTests
{
    private static readonly string[] Stack = ["", "https://site.example/a%20b", "site.example"];

    [Fact]
    public void Every_recorded_answer_is_reproduced()
    {
        string[] lines = [.. Recordings.Lines("citations.jsonl")];
        Assert.Equal(40, lines.Length);
        foreach (string line in lines)
        {
            JsonNode recorded = JsonNode.Parse(line)!;
            Assert.Null(Recordings.Difference(recorded, JsonNode.Parse(ToolLines.CitationsLine(line).Json)!, "name", "normalized", "annotations", "deltas"));
            string[] stack = [.. recorded["page_stack"]!.AsArray().Select(url => (string)url!)];
            string text = (string)recorded["text"]!;
            Assert.Equal((bool)recorded["partial"]!, Citations.IsUnfinished(text));
            if (recorded["hidden"] is { } hidden) Assert.Equal((string)hidden!, Citations.Normalize(Citations.WithoutUnfinished(text), stack).Text);
        }
    }

    [Theory]
    [InlineData("see 【1†L3】.", "see  ([site.example](https://site.example/a%20b)) .")]
    [InlineData("【2†L3†x】", " ([site.example](site.example)) ")]
    [InlineData("【0†L3】【3†L3】【01†L3】【１†L3】【99999999999999999999†L3】", "【0†L3】【3†L3】【01†L3】【１†L3】【99999999999999999999†L3】")]
    public void A_citation_becomes_a_link_where_its_cursor_has_a_page(string text, string normal) =>
        Assert.Equal(normal, Citations.Normalize(text, Stack).Text);

    [Fact]
    public void Text_that_never_becomes_a_citation_is_given_back_at_the_end()
    {
        var stream = new StreamedCitations(Stack);
        Assert.Equal("", stream.Push("so 【1†L2 and"));
        Assert.Equal("so 【1†L2 and", stream.Finish());
        Assert.Equal("", stream.Finish());
    }

    [Fact]
    public void Pieces_say_what_the_whole_says()
    {
        Gen<string> text = Gen.Elements("【1†L1】", "【0†L2】", "【2†L1†x】", "【9】", "†x", "】", "a b", "\n", "é").ListOf().Select(string.Concat);
        Prop.ForAll(text.ToArbitrary(), ArbMap.Default.ArbFor<PositiveInt>(), (whole, size) =>
        {
            var stream = new StreamedCitations(Stack);
            string pieces = string.Concat(whole.Chunk(size.Get).Select(piece => stream.Push(new string(piece)))) + stream.Finish();
            return pieces == Citations.Normalize(whole, Stack).Text;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_link_inside_an_open_bracket_keeps_it_open_as_published()
    {
        // Three daggers end the first bracket's chances, but the link that the second becomes has none.
        var stream = new StreamedCitations(Stack);
        string[] pieces = ["【9†x【1†x†a", "】", " more", "."];
        Assert.Equal(["", "【9†x ([site.example](https://site.example/a%20b)) ", "", ""], pieces.Select(stream.Push));
    }
}
