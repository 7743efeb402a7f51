using System.Text.Json.Nodes;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Responses;

/// <summary>The chain of thought.</summary>
internal sealed class ReasoningItem(int index, ResponsesRequest request, ResponseEvents events) : OutputItem(index, Ids.New("rs_"), events)
{
    internal override void Begin()
    {
        Added(new JsonObject { ["id"] = Id, ["type"] = "reasoning", ["summary"] = new JsonArray(), ["content"] = new JsonArray(), ["status"] = "in_progress" });
        Say("content_part.added", new JsonObject { ["content_index"] = 0, ["part"] = Part("") });
    }

    internal override void Append(MessageText text)
    {
        base.Append(text);
        Say("reasoning_text.delta", new JsonObject { ["content_index"] = 0, ["delta"] = text.Text });
    }

    internal override JsonObject End(bool isWhole)
    {
        string text = Text.ToString();
        Say("reasoning_text.done", new JsonObject { ["content_index"] = 0, ["text"] = text });
        Say("content_part.done", new JsonObject { ["content_index"] = 0, ["part"] = Part(text) });
        if (request.HasSummary)
        {
            // There is no summariser: clients that read summaries only get the text itself.
            Say("reasoning_summary_part.added", new JsonObject { ["summary_index"] = 0, ["part"] = Summary("") });
            Say("reasoning_summary_text.delta", new JsonObject { ["summary_index"] = 0, ["delta"] = text });
            Say("reasoning_summary_text.done", new JsonObject { ["summary_index"] = 0, ["text"] = text });
            Say("reasoning_summary_part.done", new JsonObject { ["summary_index"] = 0, ["part"] = Summary(text) });
        }

        return Done(new JsonObject
        {
            ["id"] = Id, ["type"] = "reasoning", ["summary"] = request.HasSummary ? new JsonArray(Summary(text)) : new JsonArray(),
            ["content"] = new JsonArray(Part(text)), ["encrypted_content"] = request.CarriesReasoning ? CarriedReasoning.Encode(text) : null,
            ["status"] = Status(isWhole),
        });
    }

    private static JsonObject Part(string text) => new() { ["type"] = "reasoning_text", ["text"] = text };

    private static JsonObject Summary(string text) => new() { ["type"] = "summary_text", ["text"] = text };
}
