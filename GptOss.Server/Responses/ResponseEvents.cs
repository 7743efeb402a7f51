using System.Text.Json.Nodes;

namespace GptOss.Server.Responses;

/// <summary>The events of a response, in order, each a value of its own: what a stream sends, and what an answer that is not streamed only counts.</summary>
internal sealed class ResponseEvents
{
    private readonly List<ResponseEvent> _pending = [];
    private int _number;

    /// <summary>Adds an event. The nodes belong to it.</summary>
    internal void Add(string type, JsonObject data)
    {
        data.Insert(0, "type", type);
        data.Insert(1, "sequence_number", _number++);
        _pending.Add(new ResponseEvent(type, data));
    }

    /// <summary>Takes what has been added since.</summary>
    internal IReadOnlyList<ResponseEvent> Take()
    {
        ResponseEvent[] events = [.. _pending];
        _pending.Clear();
        return events;
    }
}
