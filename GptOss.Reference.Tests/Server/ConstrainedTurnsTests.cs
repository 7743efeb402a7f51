using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>Schemas, tools and choices bind what the model writes.</summary>
public sealed class ConstrainedTurnsTests
{
    private const string Chat = "/v1/chat/completions";
    private const string Weather = """{"type": "function", "function": {"name": "get_current_weather", "strict": STRICT, "parameters": SCHEMA}}""";
    private const string Parameters =
        """{"type": "object", "properties": {"location": {"enum": ["Oslo"]},""" +
        """ "days": {"type": "integer", "minimum": 1, "maximum": 3}}, "required": ["location", "days"], "additionalProperties": false}""";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("auto")]
    [InlineData("none")]
    public async Task Without_tools_no_recipient_can_be_written(string choice)
    {
        await using RunningServer server = await StartAsync();
        for (int seed = 0; seed < 8; seed++)
        {
            Answer answer = await server.PostAsync(Chat,
                Ask("[]", $"\"tool_choice\": \"{choice}\", \"temperature\": {seed % 2}, \"seed\": {seed}, \"max_tokens\": 200"), Cancellation);
            Assert.Equal(200, answer.Code);
            Assert.False(answer.Json.GetProperty("choices")[0].GetProperty("message").TryGetProperty("tool_calls", out _), answer.Text);
        }
    }

    [Fact]
    public async Task A_demanded_call_is_made_and_its_arguments_follow_the_schema_at_any_temperature()
    {
        await using RunningServer server = await StartAsync();
        for (int seed = 0; seed < 8; seed++)
        {
            Answer answer =
                await server.PostAsync(Chat,
                    Ask(Tools(Parameters, true), $"\"tool_choice\": \"required\", \"temperature\": {seed % 3}, \"seed\": {seed}, \"max_tokens\": " +
                        $"300"), Cancellation);
            JsonElement choice = answer.Json.GetProperty("choices")[0];
            if (choice.GetProperty("finish_reason").GetString() == "length")
                continue;           // thought to the end of its budget
            var arguments = JsonElement.Parse(choice.GetProperty("message").GetProperty("tool_calls")[0].GetProperty("function")
                .GetProperty("arguments").GetString()!);
            Assert.Equal("Oslo", arguments.GetProperty("location").GetString());
            Assert.InRange(arguments.GetProperty("days").GetInt32(), 1, 3);
        }
    }

    [Theory]
    [InlineData("""{"type": "object", "properties": {"a": {"$ref": "https://example.com/x"}}}""", "#/properties/a: '$ref'")]
    [InlineData("""{"type": "object", "properties": {"a": {"type": "integer", "minimum": 5, "maximum": 4}}, "required": ["a"]}""",
        "#/properties/a: 'minimum' is 5 and 'maximum' is 4")]
    public async Task A_schema_that_cannot_be_kept_is_refused_by_place_and_keyword_where_it_is_binding(string schema, string message)
    {
        await using RunningServer server = await StartAsync();
        async Task Refused(string path, string body, string param)
        {
            Answer answer = await server.PostAsync(path, body, Cancellation);
            JsonElement error = answer.Json.GetProperty("error");
            Assert.Equal((400, "invalid_json_schema", param), (answer.Code, answer.ErrorCode, error.GetProperty("param").GetString()));
            Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        }

        string format = "\"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"x\", \"schema\": " + schema + "}}";
        await Refused(Chat, Ask("[]", format), "response_format.json_schema.schema");
        string responses = $$$$"""{"input": "Hi", "text": {"format": {"type": "json_schema", "name": "x", "schema": {{{{schema}}}}}}}""";
        await Refused("/v1/responses", responses, "text.format.schema");
        await Refused(Chat, Ask(Tools(schema, true), "\"max_tokens\": 2"), "tools[0].function.parameters");
        Assert.Equal(200, (await server.PostAsync(Chat, Ask(Tools(schema, false), "\"max_tokens\": 2"), Cancellation)).Code);
    }

    [Theory]
    [InlineData("response_format")]
    [InlineData("tools")]
    public async Task A_schema_as_deep_as_a_body_may_be_binds_the_answer(string where)
    {
        await using RunningServer server = await StartAsync();
        // Arrays in arrays until the body is 128 deep, with words that some clients add.
        int depth = where == "tools" ? 123 : 124;
        const string level = """{"~standard": {"vendor": "x"}, "type": "array", "minItems": 1, "maxItems": 1, "items": """;
        string schema = string.Concat(Enumerable.Repeat(level, depth)) + """{"const": "deep"}""" + new string('}', depth);
        Answer answer = await server.PostAsync(Chat, where == "tools"
            ? Ask(Tools(schema, true), "\"tool_choice\": \"required\", \"temperature\": 0, \"max_tokens\": 300, \"close_on_budget\": true")
            : Ask("[]", """ "max_tokens": 300, "close_on_budget": true, """
                + """ "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": """ + schema + "}}"), Cancellation);
        Assert.True(answer.Code == 200, answer.Text);
        JsonElement message = answer.Json.GetProperty("choices")[0].GetProperty("message");
        string text = where == "tools" ? message.GetProperty("tool_calls")[0].GetProperty("function").GetProperty("arguments").GetString()!
            : message.GetProperty("content").GetString()!;
        var value = JsonElement.Parse(text, new JsonDocumentOptions { MaxDepth = 300 });
        for (int i = 0; i < depth; i++)
            value = value[0];
        Assert.Equal("deep", value.GetString());
    }

    [Theory]
    [InlineData("max_tokens")]
    [InlineData("max_completion_tokens")]
    [InlineData("max_output_tokens")]
    public async Task A_budget_that_holds_no_whole_answer_is_refused_by_its_name_with_the_number_that_it_takes(string field)
    {
        await using RunningServer server = await StartAsync();
        (string path, string format) = field == "max_output_tokens"
            ? ("/v1/responses", """ "input": "Hi", "text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}""")
            : (Chat, """ "messages": [{"role": "user", "content": "Hi"}], """ +
                """ "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}""");
        Task<Answer> Ask(int tokens, int items, string more = "\"close_on_budget\": true") => server.PostAsync(path,
            $$"""{ {{format.Replace("SCHEMA", $$"""{"type": "array", "items": {"const": "Oslo"}, "minItems": {{items}}}""",
                StringComparison.Ordinal)}}, "{{field}}": {{tokens}}, {{more}}}""", Cancellation);

        Answer refused = await Ask(20, 20);
        JsonElement error = refused.Json.GetProperty("error");
        Assert.Equal((400, "invalid_value", field), (refused.Code, refused.ErrorCode, error.GetProperty("param").GetString()));
        Match numbers = Regex.Match(error.GetProperty("message").GetString()!, "takes ([0-9]+) tokens.*room for 20");
        Assert.True(numbers.Success, refused.Text);
        int needed = int.Parse(numbers.Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.Equal(400, (await Ask(needed - 1, 20)).Code);
        Answer shortest = await Ask(needed, 20);
        string text = field == "max_output_tokens" ? shortest.Json.GetProperty("output")[0].GetProperty("content")[0].GetProperty("text").GetString()!
            : shortest.Json.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString()!;
        Assert.Equal(20, JsonElement.Parse(text).GetArrayLength());

        // No budget of the request's own helps where the context is too small.
        Answer tooMuch = await Ask(1_000_000, 90_000);
        Assert.Equal((400, "context_length_exceeded"), (tooMuch.Code, tooMuch.ErrorCode));
        // Not asked for: the answer is cut, and says so.
        Assert.Equal(200, (await Ask(20, 20, "\"temperature\": 0")).Code);
    }

    [Fact]
    public async Task A_schema_is_compiled_once()
    {
        await using RunningServer server = await StartAsync();
        for (int i = 0; i < 3; i++)
            await server.PostAsync(Chat, Ask(Tools(Parameters, true), "\"max_tokens\": 2"), Cancellation);
        string metrics = (await server.GetAsync("/metrics", Cancellation)).Text;
        foreach (string line in (string[])["gptoss_grammar_cache_misses_total{model=\"tiny-gpt-oss\"} 1\n",
            "gptoss_grammar_cache_hits_total{model=\"tiny-gpt-oss\"} 2\n"])
        {
            Assert.Contains(line, metrics, StringComparison.Ordinal);
        }
    }

    private static string Tools(string schema, bool isStrict) =>
        $"[{Weather.Replace("SCHEMA", schema, StringComparison.Ordinal).Replace("STRICT", isStrict ? "true" : "false", StringComparison.Ordinal)}]";

    private static string Ask(string tools, string more) =>
        $$"""{"messages": [{"role": "user", "content": "What's the weather in Paris?"}], "tools": {{tools}}, {{more}}}""";
}
