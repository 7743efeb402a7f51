using System.Text.Json;
using System.Text.Json.Nodes;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>Input items as <c>input_items</c> lists them: every one has an id and a type.</summary>
internal static class JsonItems
{
    /// <summary>The type of an item that only names another.</summary>
    internal const string Reference = "item_reference";

    /// <summary>The items of an input that has been read; a string is one user message, a reference is the item that it names.</summary>
    internal static IReadOnlyList<JsonElement> WithIds(Field input, Func<string, Field?> stored)
    {
        if (input.IsString)
            return [ApiJson.Element(UserMessage(input.String()))];
        return [.. input.Elements().Select(item => item["type"]?.String() == Reference ? stored(item["id"]!.Value.String())!.Value.Value
            : ApiJson.Element(WithId((JsonObject)item.Copy()!)))];
    }

    private static JsonObject UserMessage(string text) => new()
    {
        ["id"] = Ids.New("msg_"), ["type"] = "message", ["role"] = "user", ["status"] = "completed",
        ["content"] = new JsonArray(new JsonObject { ["type"] = "input_text", ["text"] = text }),
    };

    private static JsonObject WithId(JsonObject item)
    {
        item["type"] ??= "message";
        if (item["id"]?.GetValueKind() != JsonValueKind.String)
            item["id"] = Ids.New(Prefix(item["type"]!.GetValue<string>()));
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
