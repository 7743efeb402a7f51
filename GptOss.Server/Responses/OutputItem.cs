using System.Text;
using System.Text.Json.Nodes;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Responses;

/// <summary>An output item while it is open: says each of its events, one part at a time, and what it is in the end.</summary>
/// <param name="index">Its place in <c>output</c>.</param>
/// <param name="id">Its id.</param>
/// <param name="events">Receives the events.</param>
internal abstract class OutputItem(int index, string id, ResponseEvents events)
{
    protected StringBuilder Text { get; } = new();

    protected string Id => id;

    /// <summary>The item of a message that began.</summary>
    internal static OutputItem Of(MessageBegun begun, int index, ResponsesRequest request, ResponseEvents events,
        LogProbabilityJson logProbabilities) => begun.Kind switch
    {
        MessageKind.Analysis => new ReasoningItem(index, request, events),
        MessageKind.Call => new CallItem(index, begun.Recipient!, request.Turn.Tools, events),
        _ => new MessageItem(index, begun.Kind == MessageKind.Preamble, request, events, logProbabilities),
    };

    /// <summary>Says that the item is there, still empty.</summary>
    internal abstract void Begin();

    /// <summary>More of its text.</summary>
    internal virtual void Append(MessageText text) => Text.Append(text.Text);

    /// <summary>Says that the item is finished.</summary>
    /// <returns>The item as <c>output</c> has it.</returns>
    internal abstract JsonObject End(bool isWhole);

    protected static string Status(bool isWhole) => isWhole ? "completed" : "incomplete";

    protected void Added(JsonObject item) => events.Add("response.output_item.added", new JsonObject { ["output_index"] = index, ["item"] = item });

    protected JsonObject Done(JsonObject item)
    {
        events.Add("response.output_item.done", new JsonObject { ["output_index"] = index, ["item"] = item.DeepClone() });
        return item;
    }

    /// <summary>An event of this item.</summary>
    protected void Say(string type, JsonObject more)
    {
        var data = new JsonObject { ["item_id"] = id, ["output_index"] = index };
        foreach ((string name, JsonNode? value) in more.ToArray())
        {
            more.Remove(name);
            data[name] = value;
        }

        events.Add("response." + type, data);
    }
}
