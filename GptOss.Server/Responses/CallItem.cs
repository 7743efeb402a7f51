using System.Text.Json.Nodes;
using GptOss.Reference.Serving;
using GptOss.Server.Http;
using GptOss.Server.Requests;

namespace GptOss.Server.Responses;

/// <summary>A call of a function, or of a custom tool.</summary>
internal sealed class CallItem : OutputItem
{
    private readonly string _callId = Ids.New("call_"), _name;
    private readonly string? _namespace;
    private readonly bool _isCustom;

    internal CallItem(int index, string recipient, OfferedTools tools, ResponseEvents events)
        : base(index, Ids.New("fc_"), events)
    {
        TurnFunction? function = tools.Find(recipient);
        int dot = recipient.IndexOf('.', StringComparison.Ordinal);
        string space = function?.Namespace ?? (dot < 0 ? "functions" : recipient[..dot]);
        _name = function?.Name ?? recipient[(dot + 1)..];
        _namespace = space == "functions" ? null : space;
        _isCustom = function?.IsCustom ?? false;
    }

    internal override void Begin() => Added(Item("", "in_progress"));

    internal override void Append(MessageText text)
    {
        base.Append(text);
        Say(_isCustom ? "custom_tool_call_input.delta" : "function_call_arguments.delta", new JsonObject { ["delta"] = text.Text });
    }

    internal override JsonObject End(bool isWhole)
    {
        string text = Text.ToString();
        if (_isCustom) Say("custom_tool_call_input.done", new JsonObject { ["input"] = text });
        else Say("function_call_arguments.done", new JsonObject { ["arguments"] = text, ["name"] = _name });
        return Done(Item(text, Status(isWhole)));
    }

    private JsonObject Item(string input, string status)
    {
        var item = new JsonObject
        {
            ["id"] = Id, ["type"] = _isCustom ? "custom_tool_call" : "function_call", ["call_id"] = _callId, ["name"] = _name,
        };
        if (_namespace is not null) item["namespace"] = _namespace;
        item[_isCustom ? "input" : "arguments"] = input;
        item["status"] = status;
        return item;
    }
}
