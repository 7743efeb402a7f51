using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Reference.Tokens;
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.SemanticKernel.ChatCompletion;
using Xunit;

namespace GptOss.Reference.Tests.Serving;

public sealed class ChatClientTests : IAsyncLifetime
{
    private static readonly DateOnly Date = new(2026, 11, 24);
    private static readonly ChatOptions Greedy = new() { Temperature = 0 };
    private readonly ServedModel _model = ServedModel.Load(TestData.Tiny);
    private GptOssChatClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _client = new GptOssChatClient(_model, "tiny-gpt-oss", Date);
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _model.DisposeAsync();

    [Fact]
    public async Task An_answer_comes_with_its_reasoning_its_reason_and_its_cost()
    {
        ChatResponse response = await _client.GetResponseAsync("What is the capital of Norway?", Greedy, Cancellation);
        Assert.Equal("The capital of Norway is Oslo.", response.Text);
        Assert.Contains("Oslo", Assert.Single(response.Messages[0].Contents.OfType<TextReasoningContent>()).Text, StringComparison.Ordinal);
        Assert.Equal((ChatFinishReason.Stop, "tiny-gpt-oss"), (response.FinishReason, response.ModelId));
        UsageDetails usage = response.Usage!;
        Assert.Equal(usage.TotalTokenCount, usage.InputTokenCount + usage.OutputTokenCount);
        Assert.True(usage.ReasoningTokenCount is > 0 && usage.ReasoningTokenCount < usage.OutputTokenCount);
    }

    [Fact]
    public async Task A_stream_adds_up_to_the_answer()
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in _client.GetStreamingResponseAsync("What is the capital of Norway?", Greedy,
            Cancellation))
        {
            updates.Add(update);
        }

        Assert.True(updates.Count > 5);
        Assert.Single(updates.Select(update => update.ResponseId).Distinct());
        Assert.Equal("The capital of Norway is Oslo.", updates.ToChatResponse().Text);
    }

    [Fact]
    public async Task A_conversation_goes_on_with_the_reasoning_sent_back()
    {
        List<ChatMessage> messages = [new(ChatRole.User, "What is the capital of France?")];
        messages.AddMessages(await _client.GetResponseAsync(messages, Greedy, Cancellation));
        messages.Add(new(ChatRole.User, "Spell \"morning\" backwards."));
        Assert.Contains("gninrom", (await _client.GetResponseAsync(messages, Greedy, Cancellation)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_user_messages_stay_two_and_the_parts_of_one_are_one()
    {
        static Turn Of(params ChatMessage[] messages) => ChatTurn.Of(messages, null);
        Assert.Equal(["ab", "c"], Of(new(ChatRole.User, [new Microsoft.Extensions.AI.TextContent("a"), new Microsoft.Extensions.AI.TextContent("b")]),
            new(ChatRole.User, "c")).Messages.Select(message => message.Text));
        await Assert.ThrowsAsync<NotSupportedException>(() =>
            _client.GetResponseAsync([new(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])], Greedy, Cancellation));
    }

    [Fact]
    public async Task Function_invocation_runs_the_function_and_the_model_reads_its_result()
    {
        string? asked = null;
        using IChatClient client = _client.AsBuilder().UseFunctionInvocation().Build();
        ChatResponse response = await client.GetResponseAsync("What's the weather in Paris?", Weather(location => asked = location), Cancellation);
        Assert.Equal("Paris", asked);
        Assert.Equal("It is 21 degrees and sunny in Paris.", response.Text);
    }

    [Fact]
    public async Task A_call_is_returned_with_its_arguments_where_no_one_invokes_it()
    {
        ChatResponse response = await _client.GetResponseAsync("What's the weather in Paris?", Weather(_ => { }), Cancellation);
        FunctionCallContent call = Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.Equal((ChatFinishReason.ToolCalls, "get_current_weather"), (response.FinishReason, call.Name));
        Assert.Equal("Paris", ((JsonElement)call.Arguments!["location"]!).GetString());
    }

    [Theory]
    [InlineData(63, true)]
    [InlineData(64, true)]
    [InlineData(128, true)]
    [InlineData(999, true)]
    [InlineData(1_001, false)]
    public void Arguments_of_any_reasonable_depth_are_read_and_come_back_unchanged(int levels, bool isRead)
    {
        string arguments = $$"""{"a":{{new string('[', levels - 1)}}{{new string(']', levels - 1)}}}""";
        var turn = new Turn { Messages = [] };
        var written = new Message(Role.Assistant, arguments) { Channel = "commentary", Recipient = "functions.f" };
        FunctionCallContent call = Assert.Single(
            new ChatUpdates("m", turn).Of(new MessageEnded(MessageKind.Call, written, IsWhole: true))!.Contents.OfType<FunctionCallContent>());
        Assert.Equal(isRead, call.Exception is null);
        Turn next = ChatTurn.Of([new ChatMessage(ChatRole.Assistant, [call]),
            new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, call.Arguments)])], null);
        Assert.Equal([arguments, isRead ? arguments : ""], next.Messages.Select(message => message.Text));
    }

    [Theory]
    [InlineData("{\"b\": [1,  2.50], \"a\": \"é<\"}", null, "{\"b\": [1,  2.50], \"a\": \"é<\"}")]
    [InlineData("{\"b\": [1,  2.50], \"a\": \"é<\"}", "è", "{\"b\":[1,2.50],\"a\":\"è\"}")]
    [InlineData("{\"a\": 1", null, "{\"a\": 1")]
    [InlineData("[1]", null, "[1]")]
    public void A_call_goes_back_as_the_model_wrote_it_unless_someone_changed_it(string written, string? change, string expected)
    {
        var message = new Message(Role.Assistant, written) { Channel = "commentary", Recipient = "functions.f" };
        FunctionCallContent call = Assert.Single(new ChatUpdates("m", new Turn { Messages = [] })
            .Of(new MessageEnded(MessageKind.Call, message, IsWhole: true))!.Contents.OfType<FunctionCallContent>());
        if (change is not null)
            call.Arguments!["a"] = change;
        Assert.Equal(expected, Assert.Single(ChatTurn.Of([new ChatMessage(ChatRole.Assistant, [call])], null).Messages).Text);
    }

    [Fact]
    public async Task A_mode_without_tools_makes_no_call()
    {
        ChatOptions options = Weather(_ => { });
        options.ToolMode = ChatToolMode.None;
        ChatResponse response = await _client.GetResponseAsync("What's the weather in Paris?", options, Cancellation);
        Assert.Empty(response.Messages[0].Contents.OfType<FunctionCallContent>());
    }

    [Fact]
    public async Task A_required_call_is_made_whatever_was_asked()
    {
        ChatOptions options = Weather(_ => { });
        options.ToolMode = ChatToolMode.RequireSpecific("get_current_weather");
        ChatResponse response = await _client.GetResponseAsync("What is the capital of France?", options, Cancellation);
        Assert.Equal("get_current_weather", Assert.Single(response.Messages[0].Contents.OfType<FunctionCallContent>()).Name);
        options.ToolMode = ChatToolMode.RequireSpecific("no_such_function");
        await Assert.ThrowsAsync<ArgumentException>(() => _client.GetResponseAsync("Hi", options, Cancellation));
    }

    [Fact]
    public async Task A_typed_answer_always_parses()
    {
        // Closed, so that the toy, which has no idea of JSON, comes to an end.
        var schema = JsonElement.Parse("""
            {"type": "object", "properties": {"city": {"enum": ["Oslo", "Paris"]},
            "population": {"type": "integer", "minimum": 0, "maximum": 999999}},
             "required": ["city", "population"], "additionalProperties": false}
            """);
        ChatOptions options = new() { Temperature = 1, Seed = 5, ResponseFormat = ChatResponseFormat.ForJsonSchema(schema, "answer") };
        ChatResponse response = await _client.GetResponseAsync("What is the capital of Norway?", options, Cancellation);
        Answer? answer = JsonSerializer.Deserialize<Answer>(response.Text, JsonSerializerOptions.Web);
        Assert.Contains(answer!.City, (string[])["Oslo", "Paris"]);
    }

    [Fact]
    public async Task A_stop_sequence_ends_the_text_before_it_and_a_budget_says_length()
    {
        ChatResponse stopped = await _client.GetResponseAsync("What is the capital of Norway?",
            new ChatOptions { Temperature = 0, StopSequences = ["Norway"] }, Cancellation);
        Assert.Equal(("The capital of ", ChatFinishReason.Stop), (stopped.Text, stopped.FinishReason));
        ChatResponse cut = await _client.GetResponseAsync("What is the capital of Norway?", new ChatOptions { Temperature = 0, MaxOutputTokens = 3 },
            Cancellation);
        Assert.Equal((ChatFinishReason.Length, 3L), (cut.FinishReason, cut.Usage!.OutputTokenCount));
    }

    [Fact]
    public async Task An_answer_is_closed_on_its_budget_where_that_is_asked_for_and_refused_where_none_fits()
    {
        var schema = JsonElement.Parse("""{"type": "array", "items": {"const": "Oslo"}, "minItems": 20}""");
        ChatOptions Within(int tokens) => new()
        {
            Temperature = 0, ResponseFormat = ChatResponseFormat.ForJsonSchema(schema), MaxOutputTokens = tokens,
            AdditionalProperties = new() { [GptOssChatClient.CloseOnBudget] = true },
        };
        BudgetException refused =
            await Assert.ThrowsAsync<BudgetException>(() => _client.GetResponseAsync("Capitals?", Within(20), Cancellation));
        ChatResponse response = await _client.GetResponseAsync("Capitals?", Within(refused.Needed), Cancellation);
        Assert.Equal((ChatFinishReason.Length, 20), (response.FinishReason, JsonElement.Parse(response.Text).GetArrayLength()));
    }

    [Fact]
    public async Task Effort_reaches_the_prompt_and_a_seed_fixes_the_answer()
    {
        async Task<ChatResponse> Ask(Microsoft.Extensions.AI.ReasoningEffort effort, long seed) =>
            await _client.GetResponseAsync("Sort these numbers: 5, 3, 9", new ChatOptions
        {
            Seed = seed, Temperature = 1.3f, Reasoning = new ReasoningOptions { Effort = effort },
        }, Cancellation);
        string[] texts =
            [.. await Task.WhenAll(Enumerable.Range(0, 6)
                .Select(async i =>
                    (await Ask(Microsoft.Extensions.AI.ReasoningEffort.High, i % 2)).Messages[0].Contents.OfType<TextReasoningContent>()
                        .FirstOrDefault()?.Text ?? ""))];
        Assert.Equal([texts[0], texts[1], texts[0], texts[1], texts[0], texts[1]], texts);
    }

    [Fact]
    public void Services_are_given_out_by_their_type()
    {
        Assert.Equal("gptoss", ((IChatClient)_client).GetService<ChatClientMetadata>()!.ProviderName);
        Assert.Same(_model, ((IChatClient)_client).GetService<ServedModel>());
        Assert.Same(_model.Tokenizer, ((IChatClient)_client).GetService<Tokenizer>());
        Assert.Same(_client, ((IChatClient)_client).GetService<IChatClient>());
        Assert.Null(((IChatClient)_client).GetService<Stopwatch>());
    }

    [Fact]
    public async Task OpenTelemetry_records_a_call_with_its_tokens()
    {
        var activities = new List<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "gptoss-test",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activities.Add,
        };
        ActivitySource.AddActivityListener(listener);
        using IChatClient client = _client.AsBuilder().UseOpenTelemetry(sourceName: "gptoss-test").Build();
        await client.GetResponseAsync("What is the capital of Norway?", Greedy, Cancellation);
        Assert.True((int)Assert.Single(activities).GetTagItem("gen_ai.usage.output_tokens")! > 10);
    }

    [Fact]
    public async Task A_distributed_cache_answers_the_second_time()
    {
        var cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
        using IChatClient client = _client.AsBuilder().UseDistributedCache(cache).Build();
        ChatResponse first = await client.GetResponseAsync("What is the capital of Norway?", Greedy, Cancellation);
        ChatResponse second = await client.GetResponseAsync("What is the capital of Norway?", Greedy, Cancellation);
        Assert.Equal((first.Text, first.ResponseId), (second.Text, second.ResponseId));
    }

    [Fact]
    public async Task Semantic_Kernel_chats_over_it()
    {
        IChatCompletionService service = ((IChatClient)_client).AsBuilder().ConfigureOptions(options => options.Temperature = 0).Build()
            .AsChatCompletionService();
        var history = new ChatHistory("Answer in one sentence.");
        history.AddUserMessage("What is the capital of France?");
        Assert.Contains("Paris", (await service.GetChatMessageContentAsync(history, cancellationToken: Cancellation)).Content,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_of_the_Agent_Framework_uses_its_tool()
    {
        AIAgent agent = new ChatClientAgent(_client, new ChatClientAgentOptions { ChatOptions = Weather(_ => { }) });
        Assert.Contains("21", (await agent.RunAsync("What's the weather in Paris?", cancellationToken: Cancellation)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dependency_injection_gives_a_client_that_loads_with_its_first_request()
    {
        await using ServiceProvider services = new ServiceCollection().AddGptOss(TestData.Tiny, date: Date).BuildServiceProvider();
        ChatResponse response = await services.GetRequiredService<IChatClient>()
            .GetResponseAsync("What is the capital of Norway?", Greedy, Cancellation);
        Assert.Equal("The capital of Norway is Oslo.", response.Text);
    }

    [Fact]
    public async Task A_model_that_cannot_be_loaded_fails_the_request_with_the_reason()
    {
        await using ServiceProvider services = new ServiceCollection().AddGptOss("/no/such/folder").BuildServiceProvider();
        Exception failed =
            await Assert.ThrowsAnyAsync<Exception>(() => services.GetRequiredService<IChatClient>().GetResponseAsync("Hi", Greedy, Cancellation));
        Assert.Contains("/no/such/folder", failed.Message, StringComparison.Ordinal);
    }

    private static ChatOptions Weather(Action<string> called)
    {
        [Description("Gets the current weather in the provided location.")]
        string GetCurrentWeather([Description("The city and state, e.g. San Francisco, CA")] string location)
        {
            called(location);
            return """{"temperature": 21, "sky": "sunny"}""";
        }

        return new ChatOptions { Temperature = 0, Tools = [AIFunctionFactory.Create(GetCurrentWeather, "get_current_weather")] };
    }

    private sealed record Answer(string City, int Population);
}
