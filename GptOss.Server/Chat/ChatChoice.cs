using System.Text;
using System.Text.Json.Nodes;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Serving;
using GptOss.Server.Http;

namespace GptOss.Server.Chat;

/// <summary>One answer of Chat Completions as it grows: events of the turn become deltas, and the whole is what the deltas add up to.</summary>
/// <param name="index">Its place among the choices.</param>
/// <param name="request">What was asked.</param>
/// <param name="reasoningFields">How the reasoning is spelled: half of the clients read one name, half the other.</param>
/// <param name="logProbabilities">How log-probabilities are written.</param>
internal sealed class ChatChoice(int index, ChatRequest request, IReadOnlyList<string> reasoningFields, LogProbabilityJson logProbabilities)
{
    private const string Separator = "\n\n";                             // between messages that become one text
    private readonly StringBuilder _reasoning = new(), _content = new(), _input = new();
    private readonly List<LogProbabilities> _entries = [];
    private ChatCall? _call;
    private bool _isNewText;                                             // the next text is the first of its message

    /// <summary>Why the answer ended; null while it grows.</summary>
    internal string? FinishReason { get; private set; }

    /// <summary>Takes an event.</summary>
    /// <returns>The chunk's choice that says it; null where there is nothing to say.</returns>
    internal JsonObject? Take(TurnEvent happened) => happened switch
    {
        MessageBegun { Kind: MessageKind.Call } begun => BeginCall(begun.Recipient!),
        MessageBegun => BeginText(),
        MessageText { Kind: MessageKind.Call } text => CallPiece(text.Text),
        MessageText { Kind: MessageKind.Analysis } text => Reasoning(text.Text),
        MessageText text => Content(text),
        _ => null,
    };

    /// <summary>Ends the answer.</summary>
    /// <returns>The last chunk's choice.</returns>
    internal JsonObject End(FinishReason reason)
    {
        FinishReason = reason == Reference.Generation.FinishReason.Length ? "length" : _call is not null ? "tool_calls" : "stop";
        return Chunk([], null, FinishReason);
    }

    /// <summary>The first chunk's choice, which alone has the role.</summary>
    internal JsonObject Begin() => Chunk(new JsonObject { ["role"] = "assistant", ["content"] = null }, null, null);

    /// <summary>The whole choice of an answer that was not streamed.</summary>
    internal JsonObject Whole()
    {
        var message = new JsonObject
        {
            ["role"] = "assistant", ["content"] = _content.Length == 0 && _call is not null ? null : _content.ToString(), ["refusal"] = null,
        };
        if (request.ShowsReasoning && _reasoning.Length > 0)
        {
            foreach (string field in reasoningFields)
                message[field] = _reasoning.ToString();
        }
        if (_call is { } call)
            message["tool_calls"] = new JsonArray(call.Json(_input.ToString()));
        return new JsonObject
        {
            ["index"] = index, ["message"] = message,
            ["logprobs"] = request.Turn.TopLogProbabilities is null ? null : Entries(_entries), ["finish_reason"] = FinishReason,
        };
    }

    private JsonObject? BeginText()
    {
        _isNewText = true;
        return null;
    }

    private JsonObject BeginCall(string recipient)
    {
        _call = ChatCall.To(recipient, request.Turn.Tools);
        JsonObject begun = _call.Json("");
        begun.Insert(0, "index", 0);
        return Chunk(new JsonObject { ["tool_calls"] = new JsonArray(begun) }, null, null);
    }

    private JsonObject CallPiece(string text)
    {
        _input.Append(text);
        JsonObject piece = _call!.Piece(text);
        piece.Insert(0, "index", 0);
        return Chunk(new JsonObject { ["tool_calls"] = new JsonArray(piece) }, null, null);
    }

    private JsonObject? Reasoning(string text)
    {
        text = Joined(_reasoning, text);
        if (!request.ShowsReasoning)
            return null;
        var delta = new JsonObject();
        foreach (string field in reasoningFields)
            delta[field] = text;
        return Chunk(delta, null, null);
    }

    private JsonObject Content(MessageText text)
    {
        _entries.AddRange(text.LogProbabilities);
        string joined = Joined(_content, text.Text);
        return Chunk(new JsonObject { ["content"] = joined }, request.Turn.TopLogProbabilities is null ? null : Entries(text.LogProbabilities), null);
    }

    private string Joined(StringBuilder all, string text)
    {
        if (_isNewText && all.Length > 0)
            text = Separator + text;
        _isNewText = false;
        all.Append(text);
        return text;
    }

    private JsonObject Entries(IReadOnlyList<LogProbabilities> entries) => new()
    {
        ["content"] = logProbabilities.Entries(entries),
        ["refusal"] = null,
    };

    private JsonObject Chunk(JsonObject delta, JsonObject? entries, string? finish) => new()
    {
        ["index"] = index, ["delta"] = delta, ["logprobs"] = entries, ["finish_reason"] = finish,
    };
}
