using System.Text.Json.Nodes;
using GptOss.Reference.Generation;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Responses;

/// <summary>A preamble or the answer.</summary>
internal sealed class MessageItem(int index, bool isPreamble, ResponsesRequest request, ResponseEvents events, LogProbabilityJson logProbabilities)
    : OutputItem(index, Ids.New("msg_"), events)
{
    private readonly List<LogProbabilities> _entries = [];

    internal override void Begin()
    {
        Added(Item(new JsonArray(), "in_progress"));
        Say("content_part.added", new JsonObject { ["content_index"] = 0, ["part"] = Part("", []) });
    }

    internal override void Append(MessageText text)
    {
        base.Append(text);
        _entries.AddRange(text.LogProbabilities);
        Say("output_text.delta", new JsonObject { ["content_index"] = 0, ["delta"] = text.Text, ["logprobs"] = Entries(text.LogProbabilities) });
    }

    internal override JsonObject End(bool isWhole)
    {
        string text = Text.ToString();
        Say("output_text.done", new JsonObject { ["content_index"] = 0, ["text"] = text, ["logprobs"] = Entries(_entries) });
        Say("content_part.done", new JsonObject { ["content_index"] = 0, ["part"] = Part(text, _entries) });
        return Done(Item(new JsonArray(Part(text, _entries)), Status(isWhole)));
    }

    private JsonObject Item(JsonArray content, string status) => new()
    {
        ["id"] = Id, ["type"] = "message", ["role"] = "assistant", ["phase"] = isPreamble ? "commentary" : "final_answer",
        ["content"] = content, ["status"] = status,
    };

    private JsonObject Part(string text, IReadOnlyList<LogProbabilities> entries) => new()
    {
        ["type"] = "output_text", ["text"] = text, ["annotations"] = new JsonArray(), ["logprobs"] = Entries(entries),
    };

    private JsonArray Entries(IReadOnlyList<LogProbabilities> entries) =>
        request.Turn.TopLogProbabilities is null ? [] : logProbabilities.Entries(entries);
}
