using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Reference.Harmony;
using GptOss.Server.Http;

namespace GptOss.Server.Responses;

/// <summary>A call of one of the server's own tools, as an output item: <c>web_search_call</c> or <c>code_interpreter_call</c>.</summary>
/// <param name="call">What the model wrote.</param>
/// <param name="index">The item's place in <c>output</c>.</param>
/// <param name="events">Receives the events.</param>
internal sealed class BuiltInItem(Message call, int index, ResponseEvents events)
{
    private readonly bool _isPython = call.Recipient!.StartsWith("python", StringComparison.Ordinal);
    private readonly string _id = Ids.New(call.Recipient!.StartsWith("python", StringComparison.Ordinal) ? "ci_" : "ws_");

    /// <summary>Says that the call is being made.</summary>
    internal void Begin()
    {
        events.Add("response.output_item.added", new JsonObject { ["output_index"] = index, ["item"] = Item("in_progress", []) });
        string kind = _isPython ? "code_interpreter_call" : "web_search_call";
        Say($"{kind}.in_progress", []);
        if (_isPython)
        {
            Say("code_interpreter_call_code.delta", new JsonObject { ["delta"] = call.Text });
            Say("code_interpreter_call_code.done", new JsonObject { ["code"] = call.Text });
        }

        Say(_isPython ? $"{kind}.interpreting" : $"{kind}.searching", []);
    }

    /// <summary>Says what came of it.</summary>
    /// <returns>The item as <c>output</c> has it.</returns>
    internal JsonObject End(IReadOnlyList<ToolAnswer> answers)
    {
        Say(_isPython ? "code_interpreter_call.completed" : "web_search_call.completed", []);
        JsonObject item = Item("completed", answers);
        events.Add("response.output_item.done", new JsonObject { ["output_index"] = index, ["item"] = item.DeepClone() });
        return item;
    }

    private JsonObject Item(string status, IReadOnlyList<ToolAnswer> answers)
    {
        var outputs = new JsonArray([.. answers.Select(JsonNode (answer) => new JsonObject { ["type"] = "logs", ["logs"] = answer.Text })]);
        if (_isPython)
        {
            return new JsonObject
            {
                ["id"] = _id, ["type"] = "code_interpreter_call", ["status"] = status, ["code"] = call.Text, ["container_id"] = "local",
                ["outputs"] = outputs,
            };
        }

        // What the browser showed comes along, so that a client that keeps the items itself can send the whole turn back.
        return new JsonObject { ["id"] = _id, ["type"] = "web_search_call", ["status"] = status, ["action"] = Action(), ["outputs"] = outputs };
    }

    private JsonObject Action()
    {
        JsonElement arguments = default;
        try
        {
            arguments = ApiJson.Parse(call.Text);
        }
        catch (JsonException)
        {
            // The tool has told the model what is wrong with its arguments.
        }

        string Of(string name) =>
            arguments.ValueKind == JsonValueKind.Object && arguments.TryGetProperty(name, out JsonElement value) ? value.ToString() : "";
        return call.Recipient switch
        {
            "browser.open" => new JsonObject { ["type"] = "open_page", ["url"] = Of("id") },
            "browser.find" => new JsonObject { ["type"] = "find", ["pattern"] = Of("pattern"), ["url"] = Of("cursor") },
            _ => new JsonObject { ["type"] = "search", ["query"] = Of("query") },
        };
    }

    private void Say(string type, JsonObject more)
    {
        more.Insert(0, "item_id", _id);
        more.Insert(1, "output_index", index);
        events.Add("response." + type, more);
    }
}
