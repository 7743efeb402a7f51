using System.Text.Json;
using GptOss.Reference.Harmony;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>Tools of the server's own, that Responses requests ask for by their type.</summary>
public sealed class BuiltInToolsTests
{
    private const string Ask =
        """{"temperature": 0, "input": "Use python to compute 913 * 337.", "tools": [""" +
        """{"type": "code_interpreter", "container": {"type": "auto"}}], "max_output_tokens": 400 MORE}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_is_answered_by_the_server_and_the_model_goes_on()
    {
        var python = new ScriptedPython("307681");
        await using RunningServer server = await StartAsync(null, null, python);
        JsonElement answer = (await server.PostAsync("/v1/responses", Ask.Replace("MORE", "", StringComparison.Ordinal), Cancellation)).Json;
        Assert.Equal("completed", answer.GetProperty("status").GetString());
        JsonElement[] output = [.. answer.GetProperty("output").EnumerateArray()];
        JsonElement call = Assert.Single(output, item => item.GetProperty("type").GetString() == "code_interpreter_call");
        Assert.Equal(python.Received, call.GetProperty("code").GetString());
        Assert.Equal("307681", call.GetProperty("outputs")[0].GetProperty("logs").GetString());
        Assert.Contains("307681", output[^1].GetProperty("content")[0].GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal("code_interpreter", answer.GetProperty("tools")[0].GetProperty("type").GetString());
    }

    [Fact]
    public async Task Its_stream_has_the_events_of_the_call_between_the_models_turns()
    {
        await using RunningServer server = await StartAsync(null, null, new ScriptedPython("307681"));
        string[] events =
            [.. (await server.PostAsync("/v1/responses", Ask.Replace("MORE", ", \"stream\": true", StringComparison.Ordinal), Cancellation)).Text
            .Split('\n').Where(line => line.StartsWith("event: response.code_interpreter", StringComparison.Ordinal))
            .Select(line => line["event: response.".Length..])];
        Assert.Equal(
            ["code_interpreter_call.in_progress", "code_interpreter_call_code.delta", "code_interpreter_call_code.done",
                "code_interpreter_call.interpreting", "code_interpreter_call.completed"],
            events);
    }

    [Fact]
    public async Task A_tool_that_fails_is_an_answer_to_the_model_and_not_an_error()
    {
        await using RunningServer server = await StartAsync(null, null, new ScriptedPython(null));
        JsonElement answer = (await server.PostAsync("/v1/responses", Ask.Replace("MORE", "", StringComparison.Ordinal), Cancellation)).Json;
        Assert.Contains(answer.GetProperty("output").EnumerateArray(), item => item.GetProperty("type").GetString() == "code_interpreter_call"
            && item.GetProperty("outputs")[0].GetProperty("logs").GetString()!.Contains("no Python here", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_more_calls_are_made_than_the_request_allows()
    {
        var python = new ScriptedPython("307681");
        await using RunningServer server = await StartAsync(null, null, python);
        await server.PostAsync("/v1/responses", Ask.Replace("MORE", ", \"max_tool_calls\": 0", StringComparison.Ordinal), Cancellation);
        Assert.Null(python.Received);
    }

    [Theory]
    [InlineData("")]
    [InlineData(", \"stream\": true")]
    public async Task An_answer_that_leaves_no_room_in_the_context_ends_the_response_as_incomplete(string more)
    {
        await using RunningServer server = await StartAsync(null, null, new ScriptedPython(string.Concat(Enumerable.Repeat("307681 ", 70_000))));
        Answer answer = await server.PostAsync("/v1/responses", Ask.Replace("MORE", more, StringComparison.Ordinal), Cancellation);
        JsonElement response = more.Length == 0 ? answer.Json
            : JsonElement.Parse(answer.Text.TrimEnd('\n').Split("\ndata: ")[^1]).GetProperty("response");
        Assert.Equal((200, "incomplete", "max_output_tokens"), (answer.Code, response.GetProperty("status").GetString(),
            response.GetProperty("incomplete_details").GetProperty("reason").GetString()));
        Assert.Equal(["code_interpreter_call", "message"], response.GetProperty("output").EnumerateArray().TakeLast(2)
            .Select(item => item.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task A_tool_that_the_server_does_not_have_is_left_out_silently()
    {
        await using RunningServer server = await StartAsync();
        Answer answer = await server.PostAsync("/v1/responses", Ask.Replace("MORE", "", StringComparison.Ordinal), Cancellation);
        Assert.Equal((200, 0), (answer.Code, answer.Json.GetProperty("tools").GetArrayLength()));
    }

    private sealed class ScriptedPython(string? answer) : ITool
    {
        internal string? Received { get; private set; }

        public ToolNamespace Declaration { get; } = BuiltInTools.Python;

        public Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation)
        {
            Received = content;
            return answer is null
                ? throw new InvalidOperationException("no Python here")
                : Task.FromResult<IReadOnlyList<ToolAnswer>>([new ToolAnswer(recipient, answer)]);
        }
    }
}
