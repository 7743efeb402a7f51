using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using GptOss.Tools.Lines;
using Xunit;

namespace GptOss.Reference.Tests.Tools.Lines;

public class ToolLinesTests
{
    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"name\":1}")]
    [InlineData("{\"name\":\"a\",\"files\":[],\"patch\":\"\",\"text\":1,\"calls\":{}}")]
    [InlineData("{\"name\":\"a\",\"files\":{\"p\":1},\"patch\":\"\",\"text\":\"\",\"page_stack\":[1],\"calls\":[1]}")]
    [InlineData("{\"name\":\"\\ud800\"}")]
    [InlineData("{\"name\":\"a\",\"files\":{},\"patch\":\"\\ud800\",\"text\":\"\\ud800\",\"page_stack\":[],\"calls\":[{\"function\":\"\\ud800\"}]}")]
    [InlineData("{\"name\":\"a\",\"pages\":{\"u\":[]},\"results\":{\"q\":[1]},\"calls\":[],\"text\":\"\",\"page_stack\":[],\"pieces\":[{}],\"files\":{\"\\ud800\":\"\"},\"patch\":\"\"}")]
    public void A_malformed_line_is_answered_by_an_error(string line)
    {
        foreach (Func<string, ToolLines.Answer> tool in (Func<string, ToolLines.Answer>[])[ToolLines.ApplyPatchLine, ToolLines.BrowserLine, ToolLines.CitationsLine])
        {
            ToolLines.Answer answer = tool(line);
            Assert.False(answer.IsRequest);
            Assert.StartsWith("malformed line: ", (string)JsonNode.Parse(answer.Json)!["error"]!);
        }
    }

    [Fact]
    public void Line_separators_inside_a_line_stay()
    {
        ToolLines.Answer answer = ToolLines.ApplyPatchLine("{\"name\":\"a\",\"files\":{\"p\":\"a\u2028b\u0085\"},\"patch\":\"*** Begin Patch\\n*** End Patch\"}");
        Assert.True(answer.IsRequest);
        Assert.Equal("a\u2028b\u0085", (string)JsonNode.Parse(answer.Json)!["after"]!["p"]!);
        Assert.DoesNotContain('\n', answer.Json);
    }

    [Fact]
    public void Any_line_is_answered() =>
        Prop.ForAll<string>(line => (string?)JsonNode.Parse(ToolLines.BrowserLine(line ?? "").Json)!["error"] is not null).QuickCheckThrowOnFailure();
}
