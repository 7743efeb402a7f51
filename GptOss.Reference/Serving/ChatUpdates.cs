using System.Security.Cryptography;
using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using Microsoft.Extensions.AI;

namespace GptOss.Reference.Serving;

/// <summary>Events of a turn as updates of an <see cref="IChatClient"/>. Text comes as it is certain; a call comes when it is whole.</summary>
/// <param name="modelId">The name that updates state.</param>
/// <param name="turn">What was asked.</param>
internal sealed class ChatUpdates(string modelId, Turn turn)
{
    private readonly string _id = "chatcmpl-" + RandomNumberGenerator.GetHexString(32, lowercase: true);
    private readonly DateTimeOffset _created = DateTimeOffset.UtcNow;
    private bool _hasCall, _isNewText;
    private MessageKind? _lastText;

    /// <summary>The update that says an event; null for nothing to say.</summary>
    internal ChatResponseUpdate? Of(TurnEvent happened)
    {
        switch (happened)
        {
            case MessageBegun begun:
                // Messages of one kind become one text; a blank line keeps them apart.
                _isNewText = _lastText is { } last && IsReasoning(last) == IsReasoning(begun.Kind);
                return null;
            case MessageText { Kind: not MessageKind.Call } text:
                string shown = (_isNewText ? "\n\n" : "") + text.Text;
                (_isNewText, _lastText) = (false, text.Kind);
                return Update(IsReasoning(text.Kind) ? new TextReasoningContent(shown) : new Microsoft.Extensions.AI.TextContent(shown));
            case MessageEnded { Kind: MessageKind.Call, IsWhole: true } call:
                _hasCall = true;
                return Update(Call(call.Message));
            default:
                return null;
        }
    }

    /// <summary>The last update: why it ended and what it cost.</summary>
    internal ChatResponseUpdate End(FinishReason finish, UsageDetails usage)
    {
        ChatResponseUpdate update = Update(new UsageContent(usage));
        update.FinishReason = finish == FinishReason.Length ? ChatFinishReason.Length : _hasCall ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;
        return update;
    }

    private static bool IsReasoning(MessageKind kind) => kind == MessageKind.Analysis;

    private FunctionCallContent Call(Message message)
    {
        string recipient = message.Recipient!;
        string name = turn.Functions.FirstOrDefault(function => function.Recipient == recipient)?.Name
            ?? recipient[(recipient.IndexOf('.', StringComparison.Ordinal) + 1)..];
        var call = new FunctionCallContent("call_" + RandomNumberGenerator.GetHexString(32, lowercase: true), name) { RawRepresentation = message };
        try
        {
            JsonElement arguments = CallJson.Parse(message.Text);
            if (arguments.ValueKind != JsonValueKind.Object)
                throw new JsonException($"The arguments of {name} are not a JSON object.");
            call.Arguments = new Dictionary<string, object?>();
            foreach (JsonProperty member in arguments.EnumerateObject())
                call.Arguments[member.Name] = member.Value;                  // of a key that comes twice the last one counts
        }
        catch (JsonException exception)
        {
            call.Exception = exception;
        }

        return call;
    }

    private ChatResponseUpdate Update(AIContent content) => new(ChatRole.Assistant, [content])
    {
        ResponseId = _id, MessageId = _id, ModelId = modelId, CreatedAt = _created,
    };
}
