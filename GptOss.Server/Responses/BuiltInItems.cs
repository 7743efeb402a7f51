using System.Text.Json.Nodes;
using GptOss.Reference.Harmony;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>Calls of the server's own tools that a client sends back.</summary>
internal static class BuiltInItems
{
    /// <summary>Adds a call and its result. Another server's items, which carry no result, are ignored.</summary>
    internal static void AddInput(ConversationBuilder conversation, Field item, string type)
    {
        Field[] outputs = [.. item["outputs"]?.Elements() ?? []];
        if (outputs.Length == 0)
            return;
        (string recipient, string input, string channel) = type == "code_interpreter_call"
            ? ("python", item["code"]?.String() ?? "", "analysis") : Browser(item["action"]);
        conversation.Add(new Message(Role.Assistant, input)
        {
            Channel = channel, Recipient = recipient, ContentType = recipient == "python" ? "code" : "<|constrain|>json",
        });
        foreach (Field output in outputs)
        {
            conversation.Add(new Message(Role.Tool, output["logs"]?.String() ?? "") { Name = recipient, Recipient = "assistant", Channel = channel });
        }
    }

    private static (string Recipient, string Input, string Channel) Browser(Field? action)
    {
        string Of(string name) => action?[name]?.String() ?? "";
        (string name, JsonObject arguments) = Of("type") switch
        {
            "open_page" => ("open", new JsonObject { ["id"] = Of("url") }),
            "find" => ("find", new JsonObject { ["pattern"] = Of("pattern") }),
            _ => ("search", new JsonObject { ["query"] = Of("query") }),
        };
        return ($"browser.{name}", ApiJson.Text(arguments), "analysis");
    }
}
