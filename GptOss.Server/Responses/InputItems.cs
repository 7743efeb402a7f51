using GptOss.Reference.Harmony;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>Reads <c>input</c> of Responses: a string, or items as the API gave them out or other servers did.</summary>
internal static class InputItems
{
    private const int MostItems = 10_000;

    /// <summary>Adds the items of an input.</summary>
    /// <param name="conversation">Receives them.</param>
    /// <param name="input">A string or a list of items.</param>
    /// <param name="stored">Looks an item up by the id of an <c>item_reference</c>; null if there is none.</param>
    internal static void Read(ConversationBuilder conversation, Field input, Func<string, Field?> stored)
    {
        if (input.IsString)
        {
            conversation.AddUser(input.String());
            return;
        }

        if (!input.IsArray) throw input.WrongType("a string or a list of items");
        foreach (Field item in input.Elements(MostItems)) Add(conversation, item.Object(), stored);
    }

    /// <summary>Adds one item.</summary>
    internal static void Add(ConversationBuilder conversation, Field item, Func<string, Field?> stored)
    {
        string type = item["type"]?.String() ?? (item["role"] is null ? throw ApiException.Missing($"{item.Path}.type") : "message");
        switch (type)
        {
            case "message":
                AddMessage(conversation, item);
                break;
            case "reasoning":
                AddReasoning(conversation, item);
                break;
            case "function_call":
                string space = item["namespace"]?.String() ?? ToolNamespace.FunctionsName;
                conversation.AddCall(item.Required("call_id").String(), $"{space}.{item.Required("name").String()}", item["arguments"]?.String() ?? "");
                break;
            case "custom_tool_call":
                string recipient = $"{ToolNamespace.FunctionsName}.{item.Required("name").String()}";
                conversation.AddCall(item.Required("call_id").String(), recipient, item["input"]?.String() ?? "", isJson: false);
                break;
            case "function_call_output" or "custom_tool_call_output":
                Field id = item.Required("call_id");
                conversation.AddResult(id.String(), ContentParts.Text(item.Required("output")), id.Path);
                break;
            case JsonItems.Reference:
                Field reference = item.Required("id");
                Add(conversation, stored(reference.String()) ?? throw ApiException.Invalid(reference.Path,
                    $"{reference.Path} is '{Field.Shown(reference.String())}', but no stored item has this id."), stored);
                break;
            case "web_search_call" or "code_interpreter_call":
                BuiltInItems.AddInput(conversation, item, type);
                break;
            default:
                throw new ApiException(400, "unsupported_value", $"{item.Path} is of type '{Field.Shown(type)}', which this server does not know.", item.Path);
        }
    }

    private static void AddMessage(ConversationBuilder conversation, Field item)
    {
        string text = item["content"] is { } content ? ContentParts.Text(content) : "";
        switch (item.Required("role").OneOf("user", "system", "developer", "assistant"))
        {
            case "user":
                conversation.AddUser(text);
                break;
            case "assistant" when item["phase"]?.String() == "commentary":
                conversation.AddPreamble(text);
                break;
            case "assistant":
                conversation.AddAnswer(text);
                break;
            default:
                conversation.AddInstructions(text);
                break;
        }
    }

    private static void AddReasoning(ConversationBuilder conversation, Field item)
    {
        if (item["content"] is { IsArray: true } content && content.Elements().Any()) conversation.AddReasoning(ContentParts.Text(content));
        else if (item["encrypted_content"] is { IsString: true } hidden && CarriedReasoning.Decode(hidden.String()) is { } text) conversation.AddReasoning(text);
    }
}
