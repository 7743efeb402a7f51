using System.Globalization;
using System.Text;
using System.Text.Json;
using GptOss.Reference.Ground;

namespace GptOss.Reference.Harmony;

/// <summary>Messages in the JSON form of the published library (its Python package): <c>{"role", "name", "content", "channel", …}</c>.</summary>
/// <remarks>
/// Content is read as a string or as a list and always written as a list. A property that system content has by default and that is switched
/// off is written as null, since its absence means the default. Unknown keys are ignored, as the library does; those that carry content in the
/// forms of OpenAI's other interfaces (<c>tool_calls</c>, <c>tools</c>, …) are refused, so that nothing said is dropped.
/// Source: <c>openai/harmony</c>, <c>python/openai_harmony/__init__.py</c> (<c>to_dict</c>, <c>from_dict</c>).
/// </remarks>
public static class MessageJson
{
    private static readonly string[] OtherForms = ["tool_calls", "tools", "function_call", "functions", "reasoning_content", "thinking"];

    /// <summary>Reads <c>{"messages": […]}</c>.</summary>
    /// <param name="json">Untrusted text.</param>
    /// <exception cref="HarmonyFormatException">It is not JSON or not a conversation; the message says where.</exception>
    public static IReadOnlyList<Message> ReadConversation(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return ReadConversation(CompactJson.Parse(json, "the conversation"));
    }

    /// <summary>Reads <c>{"messages": […]}</c> that is part of a larger document.</summary>
    /// <exception cref="HarmonyFormatException">It is not a conversation; the message says where.</exception>
    public static IReadOnlyList<Message> ReadConversation(JsonElement conversation)
    {
        JsonElement list = Required(conversation, "messages", "conversation", JsonValueKind.Array);
        RequireNoOtherForm(conversation, "conversation");
        var messages = new List<Message>(list.GetArrayLength());
        foreach (JsonElement item in list.EnumerateArray())
            messages.Add(Read(item, $"messages[{messages.Count}]"));
        return messages;
    }

    /// <summary>Reads one message.</summary>
    /// <param name="message">An untrusted value.</param>
    /// <param name="path">Its path, for error messages.</param>
    /// <exception cref="HarmonyFormatException">It is not a message; the message says where.</exception>
    public static Message Read(JsonElement message, string path = "message")
    {
        string role = CompactJson.String(Required(message, "role", path, JsonValueKind.String));
        RequireNoOtherForm(message, path);
        JsonElement content = CompactJson.Get(message, "content") ?? throw new HarmonyFormatException($"{path} has no content.");
        return new Message(
            RoleWords.Find(role)
                ?? throw new HarmonyFormatException($"{path}.role is '{Printable.Clip(role)}'; expected user, assistant, system, developer or tool."),
            content.ValueKind switch
            {
                JsonValueKind.String => [new TextContent(CompactJson.String(content))],
                JsonValueKind.Array => [.. content.EnumerateArray().Select((item, index) => Content(item, $"{path}.content[{index}]"))],
                _ => throw Wrong(path + ".content", "a string or a list", content),
            })
        {
            Name = Text(message, "name", path),
            Channel = Text(message, "channel", path),
            Recipient = Text(message, "recipient", path),
            ContentType = Text(message, "content_type", path),
        };
    }

    /// <summary>A conversation on one line: <c>{"messages":[…]}</c>.</summary>
    public static string Text(IReadOnlyList<Message> messages)
    {
        var text = new StringBuilder("{\"messages\":");
        Append(text, messages);
        return text.Append('}').ToString();
    }

    /// <summary>A message on one line.</summary>
    public static string Text(Message message)
    {
        var text = new StringBuilder();
        Append(text, message);
        return text.ToString();
    }

    /// <summary>An item of content on one line.</summary>
    internal static string Text(MessageContent content)
    {
        var text = new StringBuilder();
        Append(text, content);
        return text.ToString();
    }

    /// <summary>Appends messages as a list.</summary>
    internal static void Append(StringBuilder text, IReadOnlyList<Message> messages)
    {
        text.Append('[');
        for (int i = 0; i < messages.Count; i++)
        {
            if (i > 0)
                text.Append(',');
            Append(text, messages[i]);
        }

        text.Append(']');
    }

    private static void Append(StringBuilder text, Message message)
    {
        text.Append(CultureInfo.InvariantCulture, $"{{\"role\":\"{message.Role.Word()}\",\"name\":");
        if (message.Name is { } name)
            CompactJson.AppendString(text, name);
        else
            text.Append("null");
        text.Append(",\"content\":[");
        for (int i = 0; i < message.Content.Count; i++)
        {
            if (i > 0)
                text.Append(',');
            Append(text, message.Content[i]);
        }

        text.Append(']');
        AppendText(text, "channel", message.Channel);
        AppendText(text, "recipient", message.Recipient);
        AppendText(text, "content_type", message.ContentType);
        text.Append('}');
    }

    private static void Append(StringBuilder text, MessageContent content)
    {
        switch (content)
        {
            case TextContent { Text: var words }:
                text.Append("{\"type\":\"text\"");
                AppendText(text, "text", words);
                break;
            case SystemContent system:
                text.Append("{\"type\":\"system_content\"");
                AppendText(text, "model_identity", system.ModelIdentity, isSwitchedOffByNull: true);
                AppendText(text, "reasoning_effort", system.ReasoningEffort?.ToString(), isSwitchedOffByNull: true);
                AppendText(text, "conversation_start_date", system.ConversationStartDate);
                AppendText(text, "knowledge_cutoff", system.KnowledgeCutoff, isSwitchedOffByNull: true);
                Append(text, system.ChannelConfig);
                Append(text, system.Tools);
                break;
            case DeveloperContent developer:
                text.Append("{\"type\":\"developer_content\"");
                AppendText(text, "instructions", developer.Instructions);
                Append(text, developer.Tools);
                break;
        }

        text.Append('}');
    }

    private static void Append(StringBuilder text, ChannelConfig? config)
    {
        text.Append(",\"channel_config\":");
        if (config is null)
        {
            text.Append("null");
            return;
        }

        text.Append("{\"valid_channels\":[");
        for (int i = 0; i < config.ValidChannels.Count; i++)
            CompactJson.AppendString(i > 0 ? text.Append(',') : text, config.ValidChannels[i]);
        text.Append(config.ChannelRequired ? "],\"channel_required\":true}" : "],\"channel_required\":false}");
    }

    private static void Append(StringBuilder text, IReadOnlyDictionary<string, ToolNamespace>? tools)
    {
        if (tools is null)
            return;
        text.Append(",\"tools\":{");
        string separator = "";
        foreach ((string key, ToolNamespace space) in tools)
        {
            CompactJson.AppendString(text.Append(separator), key).Append(":{\"name\":");
            CompactJson.AppendString(text, space.Name);
            AppendText(text, "description", space.Description);
            text.Append(",\"tools\":[");
            for (int i = 0; i < space.Tools.Count; i++)
            {
                CompactJson.AppendString(text.Append(i > 0 ? ",{\"name\":" : "{\"name\":"), space.Tools[i].Name);
                AppendText(text, "description", space.Tools[i].Description);
                if (space.Tools[i].Parameters is { } schema)
                    text.Append(",\"parameters\":").Append(schema.GetRawText());
                text.Append('}');
            }

            text.Append("]}");
            separator = ",";
        }

        text.Append('}');
    }

    private static void AppendText(StringBuilder text, string key, string? value, bool isSwitchedOffByNull = false)
    {
        if (value is not null)
            CompactJson.AppendString(text.Append(",\"").Append(key).Append("\":"), value);
        else if (isSwitchedOffByNull)
            text.Append(",\"").Append(key).Append("\":null");
    }

    private static MessageContent Content(JsonElement item, string path)
    {
        string type = CompactJson.String(Required(item, "type", path, JsonValueKind.String));
        return type switch
        {
            "text" => new TextContent(CompactJson.String(Required(item, "text", path, JsonValueKind.String))),
            "system_content" => System(item, path),
            "developer_content" => new DeveloperContent { Instructions = Text(item, "instructions", path), Tools = Tools(item, path) },
            _ => throw new HarmonyFormatException($"{path}.type is '{Printable.Clip(type)}'; expected text, system_content or developer_content."),
        };
    }

    private static SystemContent System(JsonElement item, string path)
    {
        var content = new SystemContent { ConversationStartDate = Text(item, "conversation_start_date", path), Tools = Tools(item, path) };
        if (CompactJson.Get(item, "model_identity") is not null)
            content = content with { ModelIdentity = Text(item, "model_identity", path) };
        if (CompactJson.Get(item, "knowledge_cutoff") is not null)
            content = content with { KnowledgeCutoff = Text(item, "knowledge_cutoff", path) };
        if (CompactJson.Get(item, "reasoning_effort") is not null)
            content = content with { ReasoningEffort = Effort(Text(item, "reasoning_effort", path), path) };
        if (CompactJson.Get(item, "channel_config") is { } config)
            content = content with { ChannelConfig = Channels(config, path + ".channel_config") };
        return content;
    }

    private static ReasoningEffort? Effort(string? word, string path) => word switch
    {
        null => null,
        "Low" => ReasoningEffort.Low,
        "Medium" => ReasoningEffort.Medium,
        "High" => ReasoningEffort.High,
        _ => throw new HarmonyFormatException($"{path}.reasoning_effort is '{Printable.Clip(word)}'; expected Low, Medium or High."),
    };

    private static ChannelConfig? Channels(JsonElement config, string path)
    {
        if (config.ValueKind == JsonValueKind.Null)
            return null;
        JsonElement channels = Required(config, "valid_channels", path, JsonValueKind.Array);
        JsonElement required = CompactJson.Get(config, "channel_required") ?? throw new HarmonyFormatException($"{path} has no channel_required.");
        if (required.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            throw Wrong(path + ".channel_required", "true or false", required);
        return new ChannelConfig(
            [.. channels.EnumerateArray().Select((channel, index) => channel.ValueKind == JsonValueKind.String
                ? CompactJson.String(channel)
                : throw Wrong($"{path}.valid_channels[{index}]", "a string", channel))],
            required.GetBoolean());
    }

    private static OrderedDictionary<string, ToolNamespace>? Tools(JsonElement item, string path)
    {
        path += ".tools";
        if (CompactJson.Get(item, "tools") is not { ValueKind: not JsonValueKind.Null } tools)
            return null;
        if (tools.ValueKind != JsonValueKind.Object)
            throw Wrong(path, "an object", tools);
        var spaces = new OrderedDictionary<string, ToolNamespace>(StringComparer.Ordinal);
        foreach ((string key, JsonElement space) in CompactJson.Properties(tools))
        {
            string at = $"{path}['{Printable.Clip(key)}']";
            JsonElement list = Required(space, "tools", at, JsonValueKind.Array);
            spaces[key] = new ToolNamespace(
                CompactJson.String(Required(space, "name", at, JsonValueKind.String)),
                Text(space, "description", at),
                [.. list.EnumerateArray().Select((tool, index) => Tool(tool, $"{at}.tools[{index}]"))]);
        }

        return spaces;
    }

    private static ToolDescription Tool(JsonElement tool, string path)
    {
        JsonElement? parameters = CompactJson.Get(tool, "parameters") is { ValueKind: not JsonValueKind.Null } given ? given : null;
        if (parameters is { ValueKind: not JsonValueKind.Object } other)
            throw Wrong(path + ".parameters", "an object", other);
        return new ToolDescription(
            CompactJson.String(Required(tool, "name", path, JsonValueKind.String)),
            CompactJson.String(Required(tool, "description", path, JsonValueKind.String)),
            parameters);
    }

    private static void RequireNoOtherForm(JsonElement parent, string path)
    {
        foreach (string key in OtherForms)
        {
            if (CompactJson.Get(parent, key) is not { } value || value.ValueKind == JsonValueKind.Null)
                continue;
            if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0)
                continue;
            throw new HarmonyFormatException($"{path} has {key}, which is a form of another interface; " +
                "in Harmony's a call is a message with a recipient, " +
                "thoughts are a message on the channel analysis, and functions are declared in developer_content.");
        }
    }

    private static string? Text(JsonElement parent, string key, string path) => CompactJson.Get(parent, key) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.String } text => CompactJson.String(text),
        { } other => throw Wrong($"{path}.{key}", "a string or null", other),
    };

    private static JsonElement Required(JsonElement parent, string key, string path, JsonValueKind kind)
    {
        if (parent.ValueKind != JsonValueKind.Object)
            throw Wrong(path, "an object", parent);
        JsonElement value = CompactJson.Get(parent, key) ?? throw new HarmonyFormatException($"{path} has no {key}.");
        return value.ValueKind == kind ? value : throw Wrong($"{path}.{key}", JsonKind.Of(kind), value);
    }

    private static HarmonyFormatException Wrong(string path, string expected, JsonElement found) =>
        new($"{path} is {JsonKind.Of(found.ValueKind)}; expected {expected}.");
}
