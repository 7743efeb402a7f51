using System.Text.RegularExpressions;
using GptOss.Reference.Tests.Architecture;
using GptOss.Reference.Tests.Checkpoints;
using GptOss.Reference.Tests.TestPlatform;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>Bodies may nest 128 levels; what echoes them has levels of its own around.</summary>
public sealed partial class DeepBodiesTests : IDisposable
{
    private const string ResponsesTool =
        """{"input":"Hi","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":@}}}}]""";
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, string> Bodies => new()
    {
        { "/v1/responses", ResponsesTool },
        { "/v1/responses", """{"input":"Hi","text":{"format":{"type":"json_schema","name":"x","schema":{"enum":@}}}""" },
        { "/v1/responses", """{"input":"Hi","tools":[{"type":"function","name":"f"}],"tool_choice":{"type":"function","name":"f","more":@}""" },
        { "/v1/responses", """{"input":[{"role":"user","content":"Hi","more":@}]""" },
        { "/v1/chat/completions", """
            {"messages":[{"role":"user","content":"Hi"}],
            "tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"enum":@}}}}}]
            """ },
        { "/v1/chat/completions", """{"messages":[{"role":"user","content":"Hi","more":@}]""" },
        { "/v1/completions", """{"prompt":"Hi","more":@""" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Bodies))]
    public async Task A_body_is_answered_up_to_128_levels_and_refused_beyond(string path, string begin)
    {
        await using RunningServer server = await StartAsync();
        foreach (string more in (string[])["", ",\"stream\":true"])
        {
            foreach (int depth in (int[])[64, 65, 127, 128])
            {
                Answer answer = await server.PostAsync(path, Body(begin, depth, more), Cancellation);
                Assert.True(answer.Code == 200, $"{depth}: {answer.Text}");
                Assert.DoesNotContain("\"error\":{", answer.Text, StringComparison.Ordinal);
                Assert.DoesNotContain("response.failed", answer.Text, StringComparison.Ordinal);
            }

            Answer refused = await server.PostAsync(path, Body(begin, 129, more), Cancellation);
            Assert.Equal((400, "invalid_json"), (refused.Code, refused.ErrorCode));
            Assert.Contains("nests deeper than 128 levels", refused.Text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_stored_at_128_levels_is_read_back_and_continued(bool isFile)
    {
        await using RunningServer server = await StartAsync(Dated with { StoreFile = isFile ? _folder.File("responses.db") : null });
        foreach (string begin in Bodies.Select(row => row.Data).Where(row => row.Item1 == "/v1/responses").Select(row => row.Item2))
        {
            Answer first = await server.PostAsync("/v1/responses", Body(begin, 128), Cancellation);
            string id = first.Json.GetProperty("id").GetString()!;
            Answer again = await server.GetAsync($"/v1/responses/{id}", Cancellation);
            Assert.Equal((200, first.Text), (again.Code, again.Text));
            Answer items = await server.GetAsync($"/v1/responses/{id}/input_items", Cancellation);
            Assert.Equal(200, items.Code);
            string item = items.Json.GetProperty("data")[0].GetProperty("id").GetString()!;
            Answer next = await server.PostAsync("/v1/responses", Body(
                $$"""{"previous_response_id":"{{id}}","input":[{"type":"item_reference","id":"{{item}}","more":@}]""", 128), Cancellation);
            Assert.True(next.Code == 200, next.Text);
            string nextId = next.Json.GetProperty("id").GetString()!;
            items = await server.GetAsync($"/v1/responses/{nextId}/input_items?order=asc", Cancellation);
            Assert.True(items.Code == 200, items.Text);
            Assert.True(begin.Contains("more", StringComparison.Ordinal) == items.Text.Contains("\"more\"", StringComparison.Ordinal)
                || !begin.StartsWith("""{"input":[""", StringComparison.Ordinal), items.Text);
        }
    }

    [Fact]
    public async Task A_body_that_is_deep_and_broken_before_that_is_not_JSON()
    {
        await using RunningServer server = await StartAsync();
        Answer broken = await server.PostAsync("/v1/completions", """{"prompt":"Hi",, "more":""" + Nested(200), Cancellation);
        Assert.Equal((400, "invalid_json"), (broken.Code, broken.ErrorCode));
        Assert.Contains("is not valid JSON: line 1, byte 16", broken.Text, StringComparison.Ordinal);
    }

    // A writer or reader of its own would have the default depth of 64 again.
    [Fact]
    public void JSON_is_written_and_read_again_in_one_place()
    {
        Assert.SkipWhen(Repository.Root is null, "The sources are not beside this build.");
        var project = new DirectoryInfo(Path.Combine(Repository.Root!, "GptOss.Server"));
        SourceFile[] files = [.. project.EnumerateFiles("*.cs", SearchOption.AllDirectories)
            .Select(file => new SourceFile(file.Name, File.ReadAllText(file.FullName)))];
        Assert.Matches(OwnJsonPattern(), files.Single(file => file.Path == "ApiJson.cs").Code);
        Assert.Empty(files.Where(file => file.Path != "ApiJson.cs")
            .SelectMany(file => OwnJsonPattern().Matches(file.Code).Select(match => file.At(match.Index))));
    }

    [GeneratedRegex(@"\bToJsonString\b|\bJsonSerializer\b|\bJsonNode\s*\.\s*Parse\b|\bJsonElement\s*\.\s*Parse\b|\bUtf8JsonWriter\b")]
    private static partial Regex OwnJsonPattern();

    private static string Body(string begin, int depth, string more = "")
    {
        int before = begin[..begin.IndexOf('@', StringComparison.Ordinal)].Sum(c => c is '{' or '[' ? 1 : c is '}' or ']' ? -1 : 0);
        string limit = begin.Contains("\"input\"", StringComparison.Ordinal) ? "max_output_tokens" : "max_tokens";
        return $"{begin.Trim().Replace("@", Nested(depth - before), StringComparison.Ordinal)}{more},\"{limit}\":2,\"temperature\":0}}";
    }

    private static string Nested(int levels) => new string('[', levels) + new string(']', levels);
}
