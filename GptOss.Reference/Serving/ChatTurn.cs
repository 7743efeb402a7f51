using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using Microsoft.Extensions.AI;
using AI = Microsoft.Extensions.AI;

namespace GptOss.Reference.Serving;

/// <summary>Messages and options of an <see cref="IChatClient"/> as a turn and a request.</summary>
internal static class ChatTurn
{
    /// <summary>What the prompt is made from.</summary>
    /// <exception cref="NotSupportedException">A content is not text, reasoning, a call or a result.</exception>
    /// <exception cref="ArgumentException">A result names no earlier call, or the options demand a call that cannot be made.</exception>
    internal static Turn Of(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var instructions = new List<string>();
        if (options?.Instructions is { Length: > 0 } given)
            instructions.Add(given);
        var said = new List<Message>();
        var recipients = new Dictionary<string, string>();
        foreach (ChatMessage message in messages)
        {
            if (message.Role == ChatRole.System || message.Role.Value == "developer")
                instructions.Add(message.Text);
            else
                Add(said, recipients, message);
        }

        List<TurnFunction> functions = [.. (options?.Tools ?? []).OfType<AIFunctionDeclaration>().Select(Function)];
        (CallMode mode, IReadOnlyList<TurnFunction>? allowed) = options?.ToolMode switch
        {
            NoneChatToolMode => (CallMode.None, null),
            RequiredChatToolMode { RequiredFunctionName: { } name } => (CallMode.Required, [Named(functions, name)]),
            RequiredChatToolMode when functions.Count == 0 =>
                throw new ArgumentException("The options demand a call, but offer no function.", nameof(options)),
            RequiredChatToolMode => (CallMode.Required, (IReadOnlyList<TurnFunction>?)null),
            _ => (CallMode.Auto, null),
        };
        return new Turn
        {
            Messages = said,
            Instructions = instructions.Count == 0 ? null : string.Join("\n\n", instructions),
            Functions = functions,
            Calls = mode,
            Allowed = allowed,
            Format = options?.ResponseFormat is ChatResponseFormatJson json
                ? json.Schema is { } schema ? new TurnFormat(json.SchemaName ?? "response", json.SchemaDescription, schema) : TurnFormat.AnyObject
                : null,
            Effort = options?.Reasoning?.Effort switch
            {
                AI.ReasoningEffort.None or AI.ReasoningEffort.Low => Harmony.ReasoningEffort.Low,
                AI.ReasoningEffort.High or AI.ReasoningEffort.ExtraHigh => Harmony.ReasoningEffort.High,
                _ => Harmony.ReasoningEffort.Medium,
            },
        };
    }

    /// <summary>How the turn is generated. The defaults are the model's own distribution and a new seed each time.</summary>
    internal static ServingRequest Request(ComposedTurn composed, ChatOptions? options, IReadOnlySet<int> stopTokens)
    {
        float presence = options?.PresencePenalty ?? 0, frequency = options?.FrequencyPenalty ?? 0;
        return new ServingRequest
        {
            Prompt = composed.Prompt,
            Constraint = composed.Constraint,
            StopTokens = stopTokens,
            MaxTokens = options?.MaxOutputTokens ?? int.MaxValue,
            CloseOnBudget = options?.AdditionalProperties?.TryGetValue(GptOssChatClient.CloseOnBudget, out bool closes) is true && closes,
            Penalties = presence == 0 && frequency == 0 ? null : new TokenPenalties(presence, frequency, new Dictionary<int, float>()),
            Sampling = new SamplingOptions
            {
                Temperature = Exact(options?.Temperature) ?? 1,
                TopP = Exact(options?.TopP) ?? 1,
                TopK = options?.TopK ?? 0,
                Seed = options?.Seed is { } seed ? unchecked((ulong)seed) : BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8)),
            },
        };
    }

    // 0.7f is 0.699999988…; what the caller wrote is 0.7.
    private static double? Exact(float? value) =>
        value is { } v ? double.Parse(v.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : null;

    private static void Add(List<Message> said, Dictionary<string, string> recipients, ChatMessage message)
    {
        bool isAssistant = message.Role == ChatRole.Assistant;
        bool hasCall = message.Contents.OfType<FunctionCallContent>().Any();
        if (message.Role == ChatRole.User)
            said.Add(new Message(Role.User, message.Text));           // its text contents are one text
        foreach (AIContent content in message.Contents)
        {
            switch (content)
            {
                case TextReasoningContent reasoning when reasoning.Text.Length > 0:
                    said.Add(new Message(Role.Assistant, reasoning.Text) { Channel = "analysis" });
                    break;
                case AI.TextContent text when isAssistant && text.Text.Length > 0:
                    said.Add(new Message(Role.Assistant, text.Text) { Channel = hasCall ? "commentary" : "final" });
                    break;
                case FunctionCallContent call:
                    recipients[call.CallId] = $"{ToolNamespace.FunctionsName}.{call.Name}";
                    said.Add(new Message(Role.Assistant, Arguments(call))
                    {
                        Channel = "commentary", Recipient = recipients[call.CallId], ContentType = "<|constrain|>json",
                    });
                    break;
                case FunctionResultContent result:
                    string recipient = recipients.GetValueOrDefault(result.CallId)
                        ?? throw new ArgumentException($"A result is of the call '{result.CallId}', but no earlier call has this id.",
                            nameof(message));
                    said.Add(new Message(Role.Tool, Result(result)) { Name = recipient, Recipient = "assistant", Channel = "commentary" });
                    break;
                case DataContent or UriContent:
                    throw new NotSupportedException($"gpt-oss reads text only; a message of the role {message.Role} holds {content.GetType().Name}.");
            }
        }
    }

    private static TurnFunction Function(AIFunctionDeclaration function)
    {
        JsonElement? parameters = function.JsonSchema.ValueKind == JsonValueKind.Object && function.JsonSchema.EnumerateObject().Any()
            ? function.JsonSchema : null;
        return new TurnFunction(new ToolDescription(function.Name, function.Description, parameters));
    }

    private static TurnFunction Named(List<TurnFunction> functions, string name) => functions.Find(function => function.Name == name)
        ?? throw new ArgumentException($"The options demand a call of '{name}', which they do not offer.", nameof(functions));

    // As the model wrote them, as long as they are the same: another spelling would be read from the prompt's beginning again.
    private static string Arguments(FunctionCallContent call)
    {
        string text = CallJson.Text(call.Arguments ?? new Dictionary<string, object?>(), typeof(IDictionary<string, object?>));
        if (call.RawRepresentation is not Message { Text: var written })
            return text;
        return call.Exception is not null || JsonElement.DeepEquals(CallJson.Parse(written), CallJson.Parse(text)) ? written : text;
    }

    private static string Result(FunctionResultContent result) => result.Result switch
    {
        null => result.Exception is { } exception ? $"Error: {exception.Message}" : "",
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } text => text.GetString()!,
        var value => CallJson.Text(value, value.GetType()),
    };
}
