using GptOss.Reference.Harmony;
using GptOss.Server.Http;

namespace GptOss.Server.Requests;

/// <summary>Collects a request's messages, of either API, as Harmony messages. Text never becomes a control token: the renderer encodes it as text.</summary>
internal sealed class ConversationBuilder
{
    private readonly List<string> _instructions = [];
    private readonly List<Message> _messages = [];
    private readonly Dictionary<string, string> _recipients = [];                    // by call id

    /// <summary>What was said, without the system and developer messages.</summary>
    internal IReadOnlyList<Message> Messages => _messages;

    /// <summary>All instructions in order, joined by a blank line; null for none. The model reads a single developer message.</summary>
    internal string? Instructions => _instructions.Count == 0 ? null : string.Join("\n\n", _instructions);

    internal void AddInstructions(string text)
    {
        if (text.Length > 0) _instructions.Add(text);
    }

    internal void AddUser(string text) => _messages.Add(new Message(Role.User, text));

    internal void AddReasoning(string text) => AddAssistant(text, "analysis");

    internal void AddPreamble(string text) => AddAssistant(text, "commentary");

    internal void AddAnswer(string text) => AddAssistant(text, "final");

    /// <summary>A call that the model made.</summary>
    /// <param name="callId">The id that its result will name.</param>
    /// <param name="recipient">To whom: <c>functions.NAME</c>.</param>
    /// <param name="input">Arguments, or free text.</param>
    /// <param name="isJson">Whether the input is JSON.</param>
    internal void AddCall(string callId, string recipient, string input, bool isJson = true)
    {
        _recipients[callId] = recipient;
        _messages.Add(new Message(Role.Assistant, input)
        {
            Channel = "commentary", Recipient = recipient, ContentType = isJson ? "<|constrain|>json" : null,
        });
    }

    /// <summary>The result of an earlier call.</summary>
    /// <param name="callId">The call's id.</param>
    /// <param name="text">What the tool said.</param>
    /// <param name="param">Where the id is in the request.</param>
    /// <exception cref="ApiException">No earlier call has this id.</exception>
    internal void AddResult(string callId, string text, string param)
    {
        if (!_recipients.TryGetValue(callId, out string? recipient))
            throw ApiException.Invalid(param, $"{param} is '{Field.Shown(callId)}', but no earlier call has this id.");
        AddResultOf(recipient, text);
    }

    /// <summary>The result of the last call of a function, for the old role <c>function</c>.</summary>
    internal void AddResultByName(string name, string text, string param)
    {
        string recipient = $"{ToolNamespace.FunctionsName}.{name}";
        if (!_messages.Any(message => message.Recipient == recipient))
            throw ApiException.Invalid(param, $"{param} is '{Field.Shown(name)}', but no earlier call is to this function.");
        AddResultOf(recipient, text);
    }

    /// <summary>A message as Harmony has it, for calls of built-in tools and their results.</summary>
    internal void Add(Message message) => _messages.Add(message);

    private void AddResultOf(string recipient, string text) => _messages.Add(new Message(Role.Tool, text)
    {
        Name = recipient, Recipient = "assistant", Channel = "commentary",
    });

    private void AddAssistant(string text, string channel)
    {
        if (text.Length > 0) _messages.Add(new Message(Role.Assistant, text) { Channel = channel });
    }
}
