using System.Text.Json;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>A request of Responses.</summary>
internal sealed record ResponsesRequest
{
    internal required TurnRequest Turn { get; init; }

    /// <summary>The request as it came; the answer echoes much of it.</summary>
    internal required Field Request { get; init; }

    /// <summary>The items of this request's input, as <c>input_items</c> will list them.</summary>
    internal required IReadOnlyList<JsonElement> Items { get; init; }

    internal required bool IsStream { get; init; }

    /// <summary>Whether the response is kept for <c>previous_response_id</c>.</summary>
    internal required bool IsStored { get; init; }

    /// <summary>The context of the response that this one continues; null for none.</summary>
    internal required StoredContext? Before { get; init; }

    /// <summary>Whether reasoning items carry a summary, which is the same text.</summary>
    internal required bool HasSummary { get; init; }

    /// <summary>Whether reasoning items carry <c>encrypted_content</c>.</summary>
    internal required bool CarriesReasoning { get; init; }

    /// <summary>Whether whole oldest turns may be left out until the prompt fits.</summary>
    internal required bool IsTruncated { get; init; }

    /// <summary>Types of tools that are left in; the others are left out silently.</summary>
    internal required IReadOnlySet<string> KeptToolTypes { get; init; }

    /// <summary>Most calls of built-in tools; null for no bound.</summary>
    internal required int? MaxToolCalls { get; init; }

    /// <summary>Reads a request. Unknown fields are ignored; a known one with a wrong value is refused by name.</summary>
    /// <param name="request">The body.</param>
    /// <param name="service">The model, its tools, and where earlier responses are.</param>
    /// <param name="owner">Whose responses may be seen: the owner that the request's key gives.</param>
    /// <exception cref="ApiException">A field is missing or wrong.</exception>
    internal static ResponsesRequest Read(Field request, ModelService service, string owner)
    {
        RefuseUnsupported(request);
        Field input = request.Required("input");
        StoredContext? before = null;
        var conversation = new ConversationBuilder();
        if (request["instructions"] is { } instructions)
            conversation.AddInstructions(ContentParts.Text(instructions));
        var found = new Dictionary<string, Field>();                     // asked for twice, and the store may forget in between
        Field? Stored(string id)
        {
            if (found.TryGetValue(id, out Field known))
                return known;
            return service.Store.FindItem(owner, id) is { } item ? found[id] = new Field(item, JsonItems.Reference) : null;
        }

        if (request["previous_response_id"] is { } previous)
        {
            before = service.Store.Find(owner, previous.String())?.Context ?? throw new ApiException(400, "previous_response_not_found",
                $"There is no stored response with the id '{Field.Shown(previous.String())}'.", previous.Path);
            foreach (JsonElement item in before.Items())
                InputItems.Add(conversation, new Field(item, "previous_response_id"), Stored);
        }

        InputItems.Read(conversation, input, Stored);
        var tools = OfferedTools.OfResponses(request["tools"]);
        Field? reasoning = request["reasoning"]?.Object();
        RequireStrings(request["metadata"]);
        var include = request["include"]?.Elements().Select(word => word.String()).ToHashSet() ?? [];
        var choice = ToolChoice.Read(request["tool_choice"], tools);
        var format = ResponseFormat.OfResponses(request["text"]?.Object());
        return new ResponsesRequest
        {
            Turn = new TurnRequest
            {
                Turn = new Turn
                {
                    Messages = conversation.Messages,
                    Instructions = conversation.Instructions,
                    Functions = tools.Functions,
                    Calls = choice.Mode,
                    Allowed = choice.Allowed,
                    Format = format?.Format,
                    Effort = SamplingFields.Effort(reasoning?["effort"]) ?? ReasoningEffort.Medium,
                },
                Tools = tools,
                FormatPath = format?.Path,
                Sampling = SamplingFields.Sampling(request, service.Options.DefaultTemperature),
                Penalties = SamplingFields.Penalties(request, service.Vocabulary),
                Stops = SamplingFields.Stops(request["stop"]),
                MaxTokens = (int?)request["max_output_tokens"]?.Integer(1, int.MaxValue),
                MaxTokensPath = request["max_output_tokens"]?.Path,
                CloseOnBudget = request["close_on_budget"]?.Boolean() ?? false,
                TopLogProbabilities = include.Contains("message.output_text.logprobs")
                    ? (int)(request["top_logprobs"]?.Integer(0, SamplingFields.MostTopLogProbabilities) ?? 0) : null,
                PromptParam = "input",
            },
            Request = request,
            Items = JsonItems.WithIds(input, Stored),
            KeptToolTypes = (HashSet<string>)["function", "custom", "namespace", .. tools.BuiltIn.Where(service.HasBuiltIn)],
            IsStream = request["stream"]?.Boolean() ?? false,
            IsStored = request["store"]?.Boolean() ?? true,
            Before = before,
            HasSummary = reasoning?["summary"]?.OneOf("auto", "concise", "detailed", "none") is not (null or "none"),
            CarriesReasoning = include.Contains("reasoning.encrypted_content"),
            IsTruncated = request["truncation"]?.OneOf("auto", "disabled") == "auto",
            MaxToolCalls = (int?)request["max_tool_calls"]?.Integer(0, int.MaxValue),
        };
    }

    private static void RequireStrings(Field? metadata)
    {
        foreach ((string _, Field value) in metadata?.Members() ?? [])
            value.String();
    }

    private static void RefuseUnsupported(Field request)
    {
        if (request["background"]?.Boolean() is true)
        {
            throw ApiException.Unsupported("background",
            "background responses are not offered; stream instead.");
        }
        foreach (string name in (string[])["conversation", "prompt"])
        {
            if (request[name] is not null)
            {
                throw ApiException.Unsupported(name,
                $"{name} is not offered; send the items as input, or previous_response_id.");
            }
        }
    }
}
