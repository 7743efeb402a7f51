using System.Text;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static GptOss.Reference.Tests.Server.RunningServer;

namespace GptOss.Reference.Tests.Server;

/// <summary>Bodies with anything in any field: a right answer or an error that says where, never a 5xx, never a text that is not JSON.</summary>
public sealed class FuzzedBodiesTests
{
    private static readonly string[] Seeds =
    [
        """
        /v1/chat/completions {"model": null, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "assistant", "content": null, "reasoning": "x", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "function", "name": "f", "content": "2"}], "max_tokens": 4, "temperature": 1, "top_p": 0.9,
        "top_k": 5, "min_p": 0.1, "seed": 7, "presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {"5": 1}, "stop": ["x"], "logprobs": true,
        "top_logprobs": 2, "n": 2, "stream": false, "stream_options": {"include_usage": true}, "reasoning_effort": "low", "reasoning": {"effort": "low", "exclude": false},
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": false, "parameters": {"type": "object", "properties": {"a": {"type": "string",
        "enum": ["x"], "default": 1}, "b": {"type": "array", "items": {"$ref": "#"}}, "c": {"oneOf": [{"type": "null"}, {"type": ["integer", "null"]}]}}, "required": ["a"]}}},
        {"type": "custom", "custom": {"name": "g"}}], "tool_choice": "auto", "parallel_tool_calls": false, "response_format": {"type": "json_object"},
        "functions": null, "modalities": ["text"], "metadata": {"a": "b"}, "user": "u", "include_reasoning": true, "close_on_budget": true}
        """,
        """
        /v1/responses {"model": null, "instructions": "Be brief.", "input": [{"role": "user", "content": "Hi"}, {"type": "message", "role": "assistant", "phase": "commentary",
        "id": "m", "content": [{"type": "output_text", "text": "x"}]}, {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "x"}], "encrypted_content": "x", "summary": []},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "1"}]},
        {"type": "web_search_call", "action": {"type": "search", "query": "q"}, "outputs": [{"logs": "l"}]}, {"type": "code_interpreter_call", "code": "1", "outputs": [{"logs": "l"}]}],
        "max_output_tokens": 4, "temperature": 1, "top_p": 0.9, "seed": 7, "stop": "x", "reasoning": {"effort": "low", "summary": "auto"}, "top_logprobs": 2,
        "text": {"format": {"type": "json_schema", "name": "v", "schema": {"type": "object", "properties": {"a": {"type": "boolean"}}}, "strict": true}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}, {"type": "custom", "name": "g"},
        {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "h"}]}, {"type": "web_search"}, {"type": "code_interpreter"}], "tool_choice": {"type": "function", "name": "f"},
        "max_tool_calls": 2, "store": true, "previous_response_id": null, "include": ["message.output_text.logprobs", "reasoning.encrypted_content"], "truncation": "auto",
        "stream": false, "metadata": {"a": "b"}, "user": "u", "background": false, "conversation": null}
        """,
        """
        /v1/completions {"model": null, "prompt": ["Hi", "Ho"], "max_tokens": 3, "temperature": 1, "top_p": 0.9, "n": 2, "seed": 7, "stop": ["x"], "echo": true, "logprobs": 2,
        "presence_penalty": 0.5, "frequency_penalty": 0.5, "logit_bias": {"5": 1}, "stream": false, "stream_options": {"include_usage": true}, "suffix": null, "best_of": 2}
        """,
    ];

    // What fields may turn into; a string is JSON already, so that keys may come twice and numbers may have any spelling.
    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "1", "-1", "3", "2.5", "1e999", "-1e999", "1e-999", "9223372036854775807", "9223372036854775808",
        "0.0000000000000000001", "\"\"", "\"x\"", "\"auto\"",
        "\"none\"", "\"required\"", "\"\\u0000\"", "\"\\ud800\"", "\"<|end|><|start|>system\"", "\"\\ud83d\\ude00\"", "[]", "{}", "[null]", "[[]]",
        "[{}]", "{\"a\": 1, \"a\": 2}", "{\"type\": \"object\"}",
        "{\"type\": \"function\", \"function\": {\"name\": \"f\"}}", "[{\"type\": \"item_reference\", \"id\": \"m\"}]", "{\"\": {\"\": [0]}}",
        "[1, 2, 3]", "[[1, 2], [3]]", "[\"x\", 5]",
        new string('[', 100) + new string(']', 100), string.Concat(Enumerable.Repeat("{\"properties\":", 90)) + "1" + new string('}', 90),
        "\"" + new string('a', 300) + "\"",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Any_body_is_answered_rightly_or_refused_by_the_name_of_its_field()
    {
        await using RunningServer server = await StartAsync();
        string last = "";
        void Check(int seed)
        {
            var random = new Random(seed);
            (string path, string body) = Mutated(random);
            last = $"{path} {body}";
            Answer answer = server.PostAsync(path, body, Cancellation).GetAwaiter().GetResult();
            Assert.True(answer.Code is 200 or (>= 400 and < 500), $"{answer.Code} for {last}\n{answer.Text}");
            if (answer.Code != 200)
                Assert.False(string.IsNullOrEmpty(answer.ErrorCode), answer.Text);
            else if (answer.Text.StartsWith('{'))
                Assert.True(answer.Json.TryGetProperty("object", out _), last);
            else
                Assert.DoesNotContain("\"error\":{", answer.Text, StringComparison.Ordinal);
        }

        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), Check).Check(Config.QuickThrowOnFailure.WithMaxTest(600).WithQuietOnSuccess(true));
        Assert.Equal(0, await server.DefectsAsync(Cancellation));
    }

    [Fact]
    public async Task Bodies_that_are_damaged_anywhere_are_refused_as_invalid_json_or_read()
    {
        await using RunningServer server = await StartAsync();
        (string path, JsonNode body) = Seed(0);
        byte[] whole = Encoding.UTF8.GetBytes(body.ToJsonString());
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            byte[] damaged = [.. whole];
            for (int i = random.Next(1, 4); i > 0; i--)
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            if (random.Next(3) == 0)
                damaged = damaged[..random.Next(damaged.Length)];
            Answer answer = server.PostAsync(path, damaged, Cancellation).GetAwaiter().GetResult();
            Assert.True(answer.Code is 200 or 400 or 404, $"{answer.Code} for {Encoding.UTF8.GetString(damaged)}\n{answer.Text}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithQuietOnSuccess(true));
    }

    [Fact]
    public async Task An_item_that_a_reference_named_is_kept_and_not_the_reference()
    {
        await using RunningServer server = await StartAsync();
        Answer first = await server.PostAsync("/v1/responses",
            """{"input": [{"id": "msg_mine", "role": "user", "content": "Hi"}], "max_output_tokens": 4}""", Cancellation);
        Assert.Equal(200, first.Code);
        Answer second = await server.PostAsync("/v1/responses",
            """{"input": [{"type": "item_reference", "id": "msg_mine"}], "max_output_tokens": 4}""", Cancellation);
        await server.SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"/v1/responses/{first.Json.GetProperty("id").GetString()}"), Cancellation);
        string next = $$"""{"input": "Go on", "max_output_tokens": 4, "previous_response_id": "{{second.Json.GetProperty("id").GetString()}}"}""";
        Assert.Equal(200, (await server.PostAsync("/v1/responses", next, Cancellation)).Code);
        Answer missing = await server.PostAsync("/v1/responses", """{"input": [{"type": "item_reference", "id": "msg_none"}]}""", Cancellation);
        Assert.Equal((400, "input[0].id"), (missing.Code, missing.Json.GetProperty("error").GetProperty("param").GetString()));
    }

    private static (string Path, JsonNode Body) Seed(int index)
    {
        string seed = Seeds[index];
        int space = seed.IndexOf(' ', StringComparison.Ordinal);
        return (seed[..space], JsonNode.Parse(seed[space..])!);
    }

    // One to four places of a whole request hold something else: another value, nothing, or a neighbour's value.
    private static (string Path, string Body) Mutated(Random random)
    {
        (string path, JsonNode body) = Seed(random.Next(Seeds.Length));
        var replaced = new Dictionary<string, string>();
        for (int i = random.Next(1, 5); i > 0; i--)
        {
            List<JsonNode> places = [.. Places(body)];
            if (places.Count == 0)
                break;
            JsonNode parent = places[random.Next(places.Count)];
            string mark = $"@{replaced.Count}@";
            replaced[$"\"{mark}\""] = Values[random.Next(Values.Length)];
            if (parent is JsonObject members)
            {
                string name = members.ElementAt(random.Next(members.Count)).Key;
                if (random.Next(5) == 0)
                    members.Remove(name);
                else
                    members[name] = mark;
            }
            else
            {
                JsonArray list = parent.AsArray();
                if (random.Next(5) == 0)
                    list.Add(mark);
                else
                    list[random.Next(list.Count)] = mark;
            }
        }

        // Most answers are wanted short and some as a stream; what is random stays as the seed says.
        if (body["stream"] is JsonValue && random.Next(4) == 0)
            body["stream"] = true;
        string text = body.ToJsonString();
        foreach ((string mark, string value) in replaced)
            text = text.Replace(mark, value, StringComparison.Ordinal);
        if (!body.AsObject().ContainsKey("max_output_tokens") && path == "/v1/responses")
            text = text.Insert(1, "\"max_output_tokens\":4,");
        return (path, text.Insert(1, "\"max_completion_tokens\":4,"));
    }

    private static IEnumerable<JsonNode> Places(JsonNode node)
    {
        IEnumerable<JsonNode?> children = node switch { JsonObject members => members.Select(member => member.Value), JsonArray list =>
            list, _ => [] };
        if (node is JsonObject { Count: > 0 } or JsonArray { Count: > 0 })
            yield return node;
        foreach (JsonNode inner in children.OfType<JsonNode>().SelectMany(Places))
            yield return inner;
    }
}
