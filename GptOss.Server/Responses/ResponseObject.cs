using System.Text.Json.Nodes;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>A response as it is answered. All keys are always there: clients' types mark them required.</summary>
/// <param name="request">What was asked; much of it is echoed.</param>
/// <param name="model">The served model.</param>
internal sealed class ResponseObject(ResponsesRequest request, string model)
{
    private readonly long _created = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    internal string Id { get; } = Ids.New("resp_");

    /// <summary>The object while nothing has been answered.</summary>
    internal JsonObject InProgress() => Make("in_progress", [], null, null, null);

    /// <summary>The object at the end.</summary>
    /// <param name="output">The items.</param>
    /// <param name="usage">Token counts.</param>
    /// <param name="isCut">Whether the budget ended the answer.</param>
    internal JsonObject Ended(JsonArray output, TokenUsage usage, bool isCut) =>
        Make(isCut ? "incomplete" : "completed", output, usage, isCut ? new JsonObject { ["reason"] = "max_output_tokens" } : null, null);

    /// <summary>The object of an answer that a defect, or the server's end, cut off.</summary>
    internal JsonObject Failed(JsonArray output, TokenUsage usage, ApiException failure) =>
        Make("failed", output, usage, null, new JsonObject { ["code"] = failure.Type == "rate_limit_error" ? "rate_limit_exceeded" : "server_error", ["message"] = failure.Message });

    private JsonObject Make(string status, JsonArray output, TokenUsage? usage, JsonObject? incomplete, JsonObject? error)
    {
        Field r = request.Request;
        TurnRequest turn = request.Turn;
        return new JsonObject
        {
            ["id"] = Id,
            ["object"] = "response",
            ["created_at"] = _created,
            ["completed_at"] = status == "completed" ? DateTimeOffset.UtcNow.ToUnixTimeSeconds() : null,
            ["status"] = status,
            ["background"] = false,
            ["error"] = error,
            ["incomplete_details"] = incomplete,
            ["instructions"] = Echo(r, "instructions"),
            ["max_output_tokens"] = turn.MaxTokens,
            ["max_tool_calls"] = request.MaxToolCalls,
            ["model"] = model,
            ["output"] = output,
            ["parallel_tool_calls"] = r["parallel_tool_calls"]?.Boolean() ?? true,
            ["previous_response_id"] = Echo(r, "previous_response_id"),
            ["prompt_cache_key"] = Echo(r, "prompt_cache_key"),
            ["reasoning"] = new JsonObject { ["effort"] = turn.Turn.Effort.ToString().ToLowerInvariant(), ["summary"] = Echo(r["reasoning"], "summary") },
            ["safety_identifier"] = Echo(r, "safety_identifier"),
            ["service_tier"] = "default",
            ["store"] = request.IsStored,
            ["temperature"] = turn.Sampling.Temperature,
            ["text"] = new JsonObject { ["format"] = Echo(r["text"], "format") ?? new JsonObject { ["type"] = "text" }, ["verbosity"] = Echo(r["text"], "verbosity") ?? "medium" },
            ["tool_choice"] = Echo(r, "tool_choice") ?? "auto",
            ["tools"] = Tools(r["tools"]),
            ["top_logprobs"] = turn.TopLogProbabilities ?? 0,
            ["top_p"] = turn.Sampling.TopP,
            ["truncation"] = request.IsTruncated ? "auto" : "disabled",
            ["usage"] = usage?.Responses(),
            ["user"] = Echo(r, "user"),
            ["metadata"] = Echo(r, "metadata") ?? new JsonObject(),
        };
    }

    // The tools that were left in: functions, and what the server itself offers.
    private JsonArray Tools(Field? tools) =>
        [.. (tools?.Elements() ?? []).Where(tool => request.KeptToolTypes.Contains(tool["type"]?.String() ?? "")).Select(tool => tool.Copy())];

    private static JsonNode? Echo(Field? parent, string name) => parent?[name]?.Copy();
}
