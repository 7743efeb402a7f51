#pragma warning disable OPENAI001 // Responses are still marked experimental in the client
using System.ClientModel;
using System.ComponentModel;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;
using OpenAI.Responses;
using Xunit;

namespace GptOss.Reference.Tests.Server;

/// <summary>The official .NET client against a running server, by itself and under <see cref="IChatClient"/>.</summary>
public sealed class OpenAIClientTests : IAsyncLifetime
{
    private const string Model = "tiny-gpt-oss", Question = "What is the capital of Norway?", Weather = "What's the weather in Paris?";
    private const string Parameters =
        """{"type": "object", "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},""" +
        """ "required": ["location"]}""";
    private const string Schema =
        """{"type": "object", "properties": {"city": {"enum": ["Oslo", "Paris"]}}, "required": ["city"], "additionalProperties": false}""";

    private RunningServer _server = null!;
    private OpenAIClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private ResponsesClient Responses => _client.GetResponsesClient();

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _client = new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(_server.Application.Url + "/v1") });
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Chat_is_answered_with_usage_and_log_probabilities()
    {
        ChatCompletion answer = await _client.GetChatClient(Model).CompleteChatAsync([new UserChatMessage(Question)],
            new ChatCompletionOptions { Temperature = 0, IncludeLogProbabilities = true, TopLogProbabilityCount = 2 }, Cancellation);
        Assert.Equal("The capital of Norway is Oslo.", answer.Content[0].Text);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(answer.Usage.TotalTokenCount, answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount);
        Assert.True(answer.Usage.OutputTokenDetails.ReasoningTokenCount > 0);
        Assert.Equal(answer.Content[0].Text, string.Concat(answer.ContentTokenLogProbabilities.Select(token => token.Token)));
    }

    [Fact]
    public async Task A_chat_stream_adds_up_to_the_answer()
    {
        string text = "";
        await foreach (StreamingChatCompletionUpdate update in _client.GetChatClient(Model)
            .CompleteChatStreamingAsync([new UserChatMessage(Question)], new ChatCompletionOptions { Temperature = 0 }, Cancellation))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
        }

        Assert.Equal("The capital of Norway is Oslo.", text);
    }

    [Fact]
    public async Task A_chat_tool_is_called_and_its_result_read()
    {
        ChatClient chat = _client.GetChatClient(Model);
        var options = new ChatCompletionOptions { Temperature = 0 };
        options.Tools.Add(ChatTool.CreateFunctionTool("get_current_weather", "Gets the current weather in the provided location.",
            BinaryData.FromString(Parameters)));
        List<OpenAI.Chat.ChatMessage> messages = [new UserChatMessage(Weather)];
        ChatCompletion call = await chat.CompleteChatAsync(messages, options, Cancellation);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.ToolCalls, call.FinishReason);
        messages.Add(new AssistantChatMessage(call));
        messages.Add(new ToolChatMessage(call.ToolCalls[0].Id, """{"temperature": 21, "sky": "sunny"}"""));
        ChatCompletion answer = await chat.CompleteChatAsync(messages, options, Cancellation);
        Assert.Contains("21", answer.Content[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_holds_in_both_APIs()
    {
        ChatCompletion chat = await _client.GetChatClient(Model).CompleteChatAsync([new UserChatMessage(Question)], new ChatCompletionOptions
        {
            ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(Schema), null, true),
        }, Cancellation);
        Assert.Matches("""^\s*\{\s*"city"\s*:\s*"(Oslo|Paris)"\s*\}\s*$""", chat.Content[0].Text);

        CreateResponseOptions ask = Ask(Question);
        var format = ResponseTextFormat.CreateJsonSchemaFormat("answer", BinaryData.FromString(Schema), null, true);
        ask.TextOptions = new ResponseTextOptions { TextFormat = format };
        ResponseResult response = await Responses.CreateResponseAsync(ask, Cancellation);
        Assert.Matches("""^\s*\{\s*"city"\s*:\s*"(Oslo|Paris)"\s*\}\s*$""", response.GetOutputText());
    }

    [Fact]
    public async Task A_wrong_value_is_an_error_that_the_client_shows()
    {
        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(() => _client.GetChatClient(Model)
            .CompleteChatAsync([new UserChatMessage(Question)], new ChatCompletionOptions { Temperature = 3 }, Cancellation));
        Assert.Equal(400, refused.Status);
        Assert.Contains("temperature", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_served_model_is_listed()
    {
        OpenAIModelCollection models = await _client.GetOpenAIModelClient().GetModelsAsync(Cancellation);
        Assert.Equal(Model, Assert.Single(models).Id);
    }

    [Fact]
    public async Task A_response_is_kept_read_listed_continued_and_deleted()
    {
        CreateResponseOptions first = Ask("What is the capital of France?");
        first.Instructions = "Be brief.";
        ResponseResult response = await Responses.CreateResponseAsync(first, Cancellation);
        Assert.Contains("Paris", response.GetOutputText(), StringComparison.Ordinal);
        Assert.Contains(response.OutputItems, item => item is ReasoningResponseItem);
        Assert.Equal(response.GetOutputText(), ((ResponseResult)await Responses.GetResponseAsync(response.Id, Cancellation)).GetOutputText());
        CreateResponseOptions next = Ask("Spell \"morning\" backwards.");
        next.PreviousResponseId = response.Id;
        ResponseResult continued = await Responses.CreateResponseAsync(next, Cancellation);
        Assert.Contains("gninrom", continued.GetOutputText(), StringComparison.Ordinal);
        int items = 0;
        await foreach (ResponseItem _ in Responses.GetResponseInputItemsAsync(continued.Id, Cancellation))
            items++;
        Assert.Equal(2 + response.OutputItems.Count, items);
        ResponseDeletionResult gone = await Responses.DeleteResponseAsync(response.Id, Cancellation);
        Assert.True(gone.Deleted);
    }

    [Fact]
    public async Task A_response_stream_ends_with_the_whole_response()
    {
        string text = "";
        ResponseResult? whole = null;
        await foreach (StreamingResponseUpdate update in Responses.CreateResponseStreamingAsync(Ask(Question, isStream: true), Cancellation))
        {
            text += update is StreamingResponseOutputTextDeltaUpdate delta ? delta.Delta : "";
            whole = update is StreamingResponseCompletedUpdate completed ? completed.Response : whole;
        }

        Assert.Equal("The capital of Norway is Oslo.", text);
        Assert.Equal(text, whole?.GetOutputText());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Under_IChatClient_functions_are_invoked_and_the_stream_shows_the_reasoning(bool isResponses)
    {
        [Description("Gets the current weather in the provided location.")]
        static string GetCurrentWeather([Description("The city and state, e.g. San Francisco, CA")] string location) =>
            location == "Paris" ? """{"temperature": 21, "sky": "sunny"}""" : "unknown";
        using IChatClient client = (isResponses ? Responses.AsIChatClient(Model) : _client.GetChatClient(Model).AsIChatClient())
            .AsBuilder().UseFunctionInvocation().Build();
        var options = new ChatOptions { Temperature = 0, Tools = [AIFunctionFactory.Create(GetCurrentWeather, "get_current_weather")] };
        ChatResponse answer = await client.GetResponseAsync(Weather, options, Cancellation);
        Assert.Contains("21", answer.Text, StringComparison.Ordinal);

        ChatResponse streamed = await client.GetStreamingResponseAsync(Question, new ChatOptions { Temperature = 0 }, Cancellation)
            .ToChatResponseAsync(Cancellation);
        Assert.Equal("The capital of Norway is Oslo.", streamed.Text);
        Assert.Contains("Oslo", string.Concat(streamed.Messages.SelectMany(message => message.Contents).OfType<TextReasoningContent>()
            .Select(reasoning => reasoning.Text)), StringComparison.Ordinal);
    }

    private static CreateResponseOptions Ask(string question, bool isStream = false) =>
        new(Model, [ResponseItem.CreateUserMessageItem(question)]) { Temperature = 0, StreamingEnabled = isStream };
}
