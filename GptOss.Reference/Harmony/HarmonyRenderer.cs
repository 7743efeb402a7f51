using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>Conversations → token ids, token for token as the published library renders them.</summary>
/// <remarks>
/// Every piece of text is encoded by itself in ordinary mode, so nothing that users, tools or files say can become a special token.
/// Source: <c>openai/harmony</c> 0.0.8, <c>src/encoding.rs</c>.
/// </remarks>
/// <param name="tokenizer">The checkpoint's tokenizer.</param>
/// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
public sealed class HarmonyRenderer(Tokenizer tokenizer)
{
    private readonly HarmonyTokens _tokens = new(tokenizer);

    /// <summary>One message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="hasFunctions">Whether its conversation offers functions, which a system message then mentions.</param>
    /// <exception cref="HarmonyFormatException">A tool's message has no name, or content stands under a role that may not have it.</exception>
    public int[] Render(Message message, bool hasFunctions = false)
    {
        ArgumentNullException.ThrowIfNull(message);
        var ids = new List<int>();
        Append(ids, message, hasFunctions);
        return [.. ids];
    }

    /// <summary>A conversation as it is: the messages in order, nothing between or around them.</summary>
    /// <exception cref="HarmonyFormatException">A tool's message has no name, or content stands under a role that may not have it.</exception>
    public int[] RenderConversation(IReadOnlyList<Message> messages, DroppedAnalysis drop = DroppedAnalysis.Library) =>
        [.. Conversation(messages, drop)];

    /// <summary>A conversation and the start of the next message: <c>&lt;|start|&gt;assistant</c>.</summary>
    /// <param name="messages">What was said so far.</param>
    /// <param name="next">Who speaks next.</param>
    /// <param name="drop">Which past analysis is left out.</param>
    /// <exception cref="HarmonyFormatException">A tool's message has no name, or content stands under a role that may not have it.</exception>
    public int[] RenderForCompletion(IReadOnlyList<Message> messages, Role next = Role.Assistant, DroppedAnalysis drop = DroppedAnalysis.Library) =>
        [.. Conversation(messages, drop), .. Opening(next)];

    /// <summary>A conversation whose last message, if it is the assistant's on <c>final</c>, ends with <c>&lt;|return|&gt;</c>.</summary>
    /// <exception cref="HarmonyFormatException">A tool's message has no name, or content stands under a role that may not have it.</exception>
    public int[] RenderForTraining(IReadOnlyList<Message> messages, DroppedAnalysis drop = DroppedAnalysis.Library)
    {
        List<int> ids = Conversation(messages, drop);
        if (messages is [.., { Role: Role.Assistant, Channel: "final" }] && ids.Count > 0)
            ids[^1] = _tokens.Return;
        return [.. ids];
    }

    /// <summary>What comes before generated tokens: <c>&lt;|start|&gt;</c> and the role's word.</summary>
    public int[] Opening(Role next = Role.Assistant) => [_tokens.Start, .. tokenizer.Encode(next.Word())];

    /// <summary>The messages that remain after <paramref name="drop"/>, in order.</summary>
    public static IReadOnlyList<Message> Kept(IReadOnlyList<Message> messages, DroppedAnalysis drop)
    {
        ArgumentNullException.ThrowIfNull(messages);
        int before = 0;     // analysis before this index goes
        switch (drop)
        {
            case DroppedAnalysis.Library when messages.LastOrDefault(message => message.Role == Role.Assistant)?.Channel == "final":
                while (messages[before].Channel != "final")
                    before++;
                break;
            case DroppedAnalysis.Finished:
                for (before = messages.Count - 1; before > 0 && messages[before] is not { Role: Role.Assistant, Channel: "final" };)
                    before--;
                break;
        }

        return [.. messages.Where((message, index) => index >= before || message.Channel != "analysis")];
    }

    /// <summary>Whether a developer message offers functions.</summary>
    public static bool HasFunctions(IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return messages.SelectMany(message => message.Content).OfType<DeveloperContent>()
            .Any(content => content.Tools?.GetValueOrDefault(ToolNamespace.FunctionsName) is { Tools.Count: > 0 });
    }

    private List<int> Conversation(IReadOnlyList<Message> messages, DroppedAnalysis drop)
    {
        var ids = new List<int>();
        bool hasFunctions = HasFunctions(messages);
        foreach (Message message in Kept(messages, drop))
            Append(ids, message, hasFunctions);
        return ids;
    }

    private void Append(List<int> ids, Message message, bool hasFunctions)
    {
        ids.Add(_tokens.Start);
        if (message.Role == Role.Tool)
        {
            Append(ids, message.Name
                ?? throw new HarmonyFormatException("A tool's message has no name; the tool's name takes the place of the role."));
        }
        else
        {
            Append(ids, message.Role.Word());
            if (message.Name is { } name)
                Append(ids, ":" + name);
        }
        if (message.Recipient is { } recipient && recipient != "all")
            Append(ids, " to=" + recipient);
        if (message.Channel is { } channel)
        {
            ids.Add(_tokens.Channel);
            Append(ids, channel);
        }

        if (message.ContentType is { } type)
        {
            if (type.StartsWith(HarmonyTokens.ConstrainName, StringComparison.Ordinal))
            {
                Append(ids, " ");
                ids.Add(_tokens.Constrain);
                Append(ids, type[HarmonyTokens.ConstrainName.Length..]);
            }
            else
            {
                Append(ids, " " + type);
            }
        }

        ids.Add(_tokens.Message);
        foreach (MessageContent content in message.Content)
            Append(ids, Text(content, message.Role, hasFunctions));
        ids.Add(message is { Role: Role.Assistant, Recipient: not null } ? _tokens.Call : _tokens.End);
    }

    private void Append(List<int> ids, string text) => ids.AddRange(tokenizer.Encode(text));

    private static string Text(MessageContent content, Role role, bool hasFunctions) => content switch
    {
        TextContent text => text.Text,
        SystemContent system when role == Role.System => ContentText.Of(system, hasFunctions),
        DeveloperContent developer when role == Role.Developer => ContentText.Of(developer),
        SystemContent => throw Misplaced("System", role, "system"),
        _ => throw Misplaced("Developer", role, "developer"),
    };

    private static HarmonyFormatException Misplaced(string content, Role role, string allowed) =>
        new($"{content} content is in a message of role {role.Word()}; only a {allowed} message may have it.");
}
