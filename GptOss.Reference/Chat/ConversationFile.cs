using System.Buffers;
using System.Text;
using GptOss.Reference.Checkpoints.Storage;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>A conversation that was read from a file.</summary>
/// <param name="System">What its system message says, tools aside; null if it has none.</param>
/// <param name="Instructions">What its developer message asks for; null if it has none.</param>
/// <param name="DeclaredTools">Names of the tools that it used. Loading turns none of them on.</param>
/// <param name="Turns">The messages of users, the assistant and tools.</param>
public sealed record StoredConversation(
    SystemContent? System, string? Instructions, IReadOnlyList<string> DeclaredTools, IReadOnlyList<Message> Turns);

/// <summary>Conversations as files in the published library's JSON form, <c>{"messages": […]}</c>.</summary>
public static class ConversationFile
{
    /// <summary>The largest file that is read.</summary>
    public const long LargestBytes = 64L << 20;

    private static readonly SearchValues<char> AsciiWhiteSpace = SearchValues.Create(" \t\n\v\f\r");

    /// <summary>Writes a conversation: the whole file, or nothing is changed.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(string path, IReadOnlyList<Message> messages)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(MessageJson.Text(messages) + "\n")));
    }

    /// <summary>Reads an untrusted file.</summary>
    /// <exception cref="HarmonyFormatException">It is not a conversation; the message says where.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static StoredConversation Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return Of(MessageJson.ReadConversation(Text(path)));
        }
        catch (DecoderFallbackException)
        {
            throw new HarmonyFormatException($"{path} is not UTF-8.");
        }
    }

    // A pipe or a device claims no length, and may have no end.
    private static string Text(string path)
    {
        using FileStream file = File.OpenRead(path);
        using var bytes = new MemoryStream();
        byte[] block = new byte[1 << 16];
        for (int count; (count = file.Read(block)) > 0; bytes.Write(block, 0, count))
        {
            if (bytes.Length + count > LargestBytes)
                throw new HarmonyFormatException($"{path} is larger than {LargestBytes} bytes.");
        }
        bytes.Position = 0;
        using var reader = new StreamReader(bytes, new UTF8Encoding(false, throwOnInvalidBytes: true));
        return reader.ReadToEnd();
    }

    /// <summary>Splits a conversation into its settings and its turns.</summary>
    /// <exception cref="HarmonyFormatException">A message is where it may not be.</exception>
    public static StoredConversation Of(IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        SystemContent? system = null;
        string? instructions = null;
        var tools = new List<string>();
        int at = 0;
        if (messages is [{ Role: Role.System } first, ..])
        {
            if (first.Content is not [SystemContent content])
                throw new HarmonyFormatException("messages[0] is a system message of plain text; expected one item of system content.");
            tools.AddRange((content.Tools?.Values ?? []).SelectMany(space => space.Recipients));
            system = content with { Tools = null };
            at++;
        }
        if (at < messages.Count && messages[at].Role == Role.Developer)
        {
            var parts = new List<string>();
            foreach (MessageContent item in messages[at].Content)
            {
                if (item is DeveloperContent developer)
                    tools.AddRange((developer.Tools?.Values ?? []).SelectMany(space => space.Recipients));
                if (item is DeveloperContent { Instructions: { Length: > 0 } said })
                    parts.Add(said);
                if (item is TextContent { Text: { Length: > 0 } text })
                    parts.Add(text);
            }
            // What a tool adds comes again with the tool.
            instructions = string.Join("\n", parts).Replace(BuiltInTools.ApplyPatchInstructions, "", StringComparison.Ordinal).TrimEnd('\n');
            instructions = instructions.Length == 0 ? null : instructions;
            at++;
        }
        for (int i = at; i < messages.Count; i++)
            Require(messages[i], $"messages[{i}]");
        return new(system, instructions, tools, [.. messages.Skip(at)]);
    }

    /// <summary>Refuses messages that are not turns, or that cannot be rendered.</summary>
    /// <exception cref="HarmonyFormatException">One of them may not be part of a turn.</exception>
    internal static void RequireTurns(IReadOnlyList<Message> messages, HarmonyRenderer renderer)
    {
        ArgumentNullException.ThrowIfNull(messages);
        for (int i = 0; i < messages.Count; i++)
            Require(messages[i], $"messages[{i}]");
        renderer.RenderConversation(messages, DroppedAnalysis.None);
    }

    private static void Require(Message message, string at)
    {
        if (message.Role is Role.System or Role.Developer)
        {
            throw new HarmonyFormatException(
                $"{at} is a {message.Role.Word()} message; it may only come at the beginning, system before developer.");
        }
        if (message.Content.Any(item => item is not TextContent))
            throw new HarmonyFormatException($"{at} is a message of the {message.Role.Word()} with content that is not text.");
        if (message.Role == Role.Tool && string.IsNullOrEmpty(message.Name))
            throw new HarmonyFormatException($"{at} is a tool's message without the tool's name.");
        foreach ((string name, string? word) in new[]
            { ("name", message.Name), ("channel", message.Channel), ("recipient", message.Recipient), ("content_type", message.ContentType) })
        {
            // Words of a header are separated by white space, so one with white space in it would be several.
            if (word is not null && word.AsSpan().ContainsAny(AsciiWhiteSpace))
                throw new HarmonyFormatException($"{at}.{name} has white space in it; expected one word.");
        }
    }
}
