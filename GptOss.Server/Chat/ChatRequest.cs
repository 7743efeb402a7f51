using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Chat;

/// <summary>A request of Chat Completions.</summary>
/// <param name="Turn">What it asks of the model.</param>
/// <param name="IsStream">Whether the answer comes in chunks.</param>
/// <param name="IncludesUsage">Whether the stream ends with the token counts.</param>
/// <param name="ShowsReasoning">Whether the chain of thought is sent.</param>
internal sealed record ChatRequest(TurnRequest Turn, bool IsStream, bool IncludesUsage, bool ShowsReasoning)
{
    /// <summary>Reads a request. Unknown fields are ignored, at every level; a known one with a wrong value is refused by name.</summary>
    /// <exception cref="ApiException">A field is missing or wrong.</exception>
    internal static ChatRequest Read(Field request, int vocabulary, double defaultTemperature)
    {
        RefuseUnsupported(request);
        ConversationBuilder conversation = ChatMessages.Read(request.Required("messages"));
        var tools = OfferedTools.OfChat(request["tools"]);
        bool isStream = request["stream"]?.Boolean() ?? false;
        if (request["logprobs"]?.Boolean() is not true && request["top_logprobs"] is { } top
            && top.Integer(0, SamplingFields.MostTopLogProbabilities) > 0)
        {
            throw ApiException.Invalid("top_logprobs", "top_logprobs needs logprobs to be true.");
        }
        Field? reasoning = request["reasoning"]?.Object();
        Field? most = request["max_completion_tokens"] ?? request["max_tokens"];
        var choice = ToolChoice.Read(request["tool_choice"], tools);
        var format = ResponseFormat.OfChat(request["response_format"]);
        var turn = new TurnRequest
        {
            Turn = new Turn
            {
                Messages = conversation.Messages,
                Instructions = conversation.Instructions,
                Functions = tools.Functions,
                Calls = choice.Mode,
                Allowed = choice.Allowed,
                Format = format?.Format,
                Effort = SamplingFields.Effort(request["reasoning_effort"] ?? reasoning?["effort"]) ?? ReasoningEffort.Medium,
            },
            Tools = tools,
            FormatPath = format?.Path,
            Sampling = SamplingFields.Sampling(request, defaultTemperature),
            Penalties = SamplingFields.Penalties(request, vocabulary),
            Stops = SamplingFields.Stops(request["stop"]),
            MaxTokens = (int?)most?.Integer(1, int.MaxValue),
            MaxTokensPath = most?.Path,
            CloseOnBudget = request["close_on_budget"]?.Boolean() ?? false,
            Choices = SamplingFields.Choices(request),
            TopLogProbabilities = request["logprobs"]?.Boolean() is true
                ? (int)(request["top_logprobs"]?.Integer(0, SamplingFields.MostTopLogProbabilities) ?? 0) : null,
            PromptParam = "messages",
        };
        bool isHidden = reasoning?["exclude"]?.Boolean() is true || request["include_reasoning"]?.Boolean() is false;
        return new ChatRequest(turn, isStream, request["stream_options"]?["include_usage"]?.Boolean() ?? false, !isHidden);
    }

    private static void RefuseUnsupported(Field request)
    {
        foreach (string name in (string[])["functions", "function_call", "audio", "web_search_options"])
        {
            if (request[name] is { } field && !IsEmpty(field))
            {
                throw ApiException.Unsupported(name, name.StartsWith("function", StringComparison.Ordinal)
                    ? $"{name} is the old form of tools; use tools and tool_choice." : $"{name} is not supported: this model reads and writes text.");
            }
        }

        if (request["modalities"] is { } modalities && modalities.Elements().Any(modality => modality.String() != "text"))
            throw ApiException.Unsupported("modalities", "modalities holds more than text; this model reads and writes text.");
    }

    private static bool IsEmpty(Field field) =>
        (field.IsString && field.String().Length == 0) || (field.IsArray && !field.Elements().Any()) || (field.IsObject && !field.Members().Any());
}
