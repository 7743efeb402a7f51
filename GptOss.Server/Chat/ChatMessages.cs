using GptOss.Reference.Harmony;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Chat;

/// <summary>Reads <c>messages</c> of Chat Completions.</summary>
internal static class ChatMessages
{
    private const int MostMessages = 10_000;

    internal static ConversationBuilder Read(Field messages)
    {
        var conversation = new ConversationBuilder();
        int count = 0;
        foreach (Field message in messages.Elements(MostMessages))
        {
            count++;
            Add(conversation, message.Object());
        }

        return count > 0 ? conversation : throw ApiException.Invalid(messages.Path, "messages is empty; expected at least one message.");
    }

    private static void Add(ConversationBuilder conversation, Field message)
    {
        Field role = message.Required("role");
        switch (role.OneOf("system", "developer", "user", "assistant", "tool", "function"))
        {
            case "system" or "developer":
                conversation.AddInstructions(ContentParts.Text(message.Required("content")));
                break;
            case "user":
                conversation.AddUser(ContentParts.Text(message.Required("content")));
                break;
            case "assistant":
                AddAssistant(conversation, message);
                break;
            case "tool":
                Field id = message.Required("tool_call_id");
                conversation.AddResult(id.String(), ContentParts.Text(message.Required("content")), id.Path);
                break;
            default:
                Field name = message.Required("name");
                conversation.AddResultByName(name.String(), message["content"] is { } content ? ContentParts.Text(content) : "", name.Path);
                break;
        }
    }

    // Harmony's order: the thought, what is said beside a call, the calls. Content without calls is the answer.
    private static void AddAssistant(ConversationBuilder conversation, Field message)
    {
        if ((message["reasoning"] ?? message["reasoning_content"]) is { IsString: true } reasoning) conversation.AddReasoning(reasoning.String());
        Field[] calls = [.. message["tool_calls"]?.Elements(MostMessages) ?? []];
        string text = message["content"] is { } content ? ContentParts.Text(content) : "";
        if (calls.Length > 0) conversation.AddPreamble(text);
        else conversation.AddAnswer(text);
        foreach (Field call in calls) AddCall(conversation, call);
        if (calls.Length == 0 && message["function_call"] is { } old)
            conversation.AddCall("", Recipient(old), old["arguments"]?.String() ?? "");
    }

    private static void AddCall(ConversationBuilder conversation, Field call)
    {
        string id = call.Required("id").String();
        if (call["type"]?.String() == "custom")
        {
            Field custom = call.Required("custom");
            conversation.AddCall(id, Recipient(custom), custom["input"]?.String() ?? "", isJson: false);
            return;
        }

        Field function = call.Required("function");
        conversation.AddCall(id, Recipient(function), function["arguments"]?.String() ?? "");
    }

    private static string Recipient(Field function) => $"{ToolNamespace.FunctionsName}.{function.Required("name").String()}";
}
