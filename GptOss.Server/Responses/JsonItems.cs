using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>Input items as <c>input_items</c> lists them: every one has an id and a type.</summary>
internal static class JsonItems
{
    /// <summary>The items of an input; a string is one user message.</summary>
    internal static IReadOnlyList<JsonElement> WithIds(Field input)
    {
        if (input.IsString) return [Element(UserMessage(input.String()))];
        return [.. input.Elements().Select(item => Element(WithId((JsonObject)JsonNode.Parse(item.Value.GetRawText())!)))];
    }

    /// <summary>A node as an element, which can be shared between threads.</summary>
    internal static JsonElement Element(JsonObject node) => JsonElement.Parse(node.ToJsonString(Answers.Json));

    private static JsonObject UserMessage(string text) => new()
    {
        ["id"] = Ids.New("msg_"), ["type"] = "message", ["role"] = "user", ["status"] = "completed",
        ["content"] = new JsonArray(new JsonObject { ["type"] = "input_text", ["text"] = text }),
    };

    private static JsonObject WithId(JsonObject item)
    {
        item["type"] ??= "message";
        if (item["id"] is null) item["id"] = Ids.New(Prefix(item["type"]!.GetValue<string>()));
        return item;
    }

    private static string Prefix(string type) => type switch
    {
        "message" => "msg_",
        "reasoning" => "rs_",
        "function_call" => "fc_",
        _ => "item_",
    };
}
