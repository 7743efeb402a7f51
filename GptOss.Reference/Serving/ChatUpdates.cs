using System.Security.Cryptography;
using System.Text.Json;
using GptOss.Reference.Generation;
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
    private TurnKind? _lastText;

    /// <summary>The update that says an event; null for nothing to say.</summary>
    internal ChatResponseUpdate? Of(TurnEvent happened)
    {
        switch (happened)
        {
            case MessageBegun begun:
                // Messages of one kind become one text; a blank line keeps them apart.
                _isNewText = _lastText is { } last && IsReasoning(last) == IsReasoning(begun.Kind);
                return null;
            case MessageText { Kind: not TurnKind.Call } text:
                string shown = (_isNewText ? "\n\n" : "") + text.Text;
                (_isNewText, _lastText) = (false, text.Kind);
                return Update(IsReasoning(text.Kind) ? new TextReasoningContent(shown) : new Microsoft.Extensions.AI.TextContent(shown));
            case MessageEnded { Kind: TurnKind.Call, IsWhole: true } call:
                _hasCall = true;
                return Update(Call(call.Message.Recipient!, call.Message.Text));
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

    private static bool IsReasoning(TurnKind kind) => kind == TurnKind.Reasoning;

    private FunctionCallContent Call(string recipient, string input)
    {
        string name = turn.Functions.FirstOrDefault(function => function.Recipient == recipient)?.Name
            ?? recipient[(recipient.IndexOf('.', StringComparison.Ordinal) + 1)..];
        string id = "call_" + RandomNumberGenerator.GetHexString(32, lowercase: true);
        try
        {
            JsonElement arguments = JsonElement.Parse(input);
            if (arguments.ValueKind == JsonValueKind.Object)
                return new FunctionCallContent(id, name, arguments.EnumerateObject().ToDictionary(member => member.Name, object? (member) => member.Value));
            return new FunctionCallContent(id, name) { Exception = new JsonException($"The arguments of {name} are not a JSON object.") };
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException)
        {
            return new FunctionCallContent(id, name) { Exception = exception };
        }
    }

    private ChatResponseUpdate Update(AIContent content) => new(ChatRole.Assistant, [content])
    {
        ResponseId = _id, MessageId = _id, ModelId = modelId, CreatedAt = _created,
    };
}
