using GptOss.Reference.Ground;

namespace GptOss.Reference.Harmony;

/// <summary>What a message's header says, read from its text with special tokens by name.</summary>
internal sealed record Header(Role Role)
{
    internal string? Name { get; init; }

    internal string? Recipient { get; init; }

    internal string? Channel { get; init; }

    internal string? ContentType { get; init; }

    internal Message Message(string text) =>
        new(Role, text) { Name = Name, Channel = Channel, Recipient = Recipient, ContentType = ContentType };

    internal MessageDelta Delta(int message, string text) => new(message, Role, Channel, Recipient, ContentType, text);

    /// <summary>Reads a header as the published library does.</summary>
    /// <param name="text">The header's text.</param>
    /// <param name="role">The role that was stated from outside; null if the first word of the header names it.</param>
    /// <param name="isCutShort">
    /// Whether what follows role and channel is content: the library's repair of a message without <c>&lt;|message|&gt;</c>.
    /// </param>
    /// <param name="rest">Words without a place, joined by single spaces; null for none.</param>
    /// <param name="error">Why there is no header; null if there is one.</param>
    /// <remarks>Source: <c>openai/harmony</c>, <c>src/encoding.rs</c>, <c>parse_header_from_string</c>.</remarks>
    internal static Header? Read(string text, Role? role, bool isCutShort, out string? rest, out string? error)
    {
        rest = error = null;
        string? channel = null;
        int marker = text.IndexOf(HarmonyTokens.ChannelName, StringComparison.Ordinal);
        if (marker >= 0)
        {
            string after = text[(marker + HarmonyTokens.ChannelName.Length)..];
            int end = 0;
            while (end < after.Length && after[end] != '<' && !char.IsWhiteSpace(after[end])) end++;
            if (end == 0)
            {
                error = "A header has a channel marker without a channel.";
                return null;
            }

            channel = after[..end];
            text = text[..marker] + after[end..];
        }

        List<string> words = Words(text.Trim());
        string? name = null;
        if (role is null)
        {
            if (words is not [var first, ..])
            {
                error = "A header has no role.";
                return null;
            }

            name = first;
            role = RoleWords.Find(first);
            if (role is null)
            {
                if (words.Count == 1 && !first.StartsWith("to=", StringComparison.Ordinal))
                {
                    error = $"A header begins with '{Printable.Clip(first)}', which is not a role.";
                    return null;
                }

                role = Role.Tool;
                words.RemoveAt(0);
            }
        }

        if (words is [var word, ..] && word == role.Value.Word()) words.RemoveAt(0);
        string? recipient = null, contentType = null;
        if (!isCutShort && Pop(words) is { } last)
        {
            if (last.StartsWith("to=", StringComparison.Ordinal))
            {
                recipient = last[3..];
            }
            else if (words.Count == 0)
            {
                recipient = last;
            }
            else
            {
                contentType = last;
                string before = Pop(words)!;
                recipient = before.StartsWith("to=", StringComparison.Ordinal) ? before[3..] : before;
            }
        }

        if (words.Count > 0) rest = string.Join(' ', words);
        return new Header(role.Value)
        {
            Name = role == Role.Tool ? name : null,
            Recipient = recipient,
            Channel = channel,
            ContentType = contentType,
        };
    }

    /// <summary>A recipient that begins like a special token is a content type that lost the space before it.</summary>
    /// <param name="displaced">The content type whose place it takes; empty for none.</param>
    internal Header WithMarkerAsType(out string displaced)
    {
        bool isType = Recipient is { } recipient && recipient.StartsWith("<|", StringComparison.Ordinal);
        displaced = isType ? ContentType ?? "" : "";
        return isType ? this with { Recipient = null, ContentType = Recipient } : this;
    }

    /// <summary>The text's words, cut at ASCII white space, with <c>&lt;|constrain|&gt;</c> always beginning one.</summary>
    internal static List<string> Words(string text) =>
        [.. text.Replace(HarmonyTokens.ConstrainName, " " + HarmonyTokens.ConstrainName, StringComparison.Ordinal).Trim()
            .Split((char[])[' ', '\t', '\n', '\f', '\r'], StringSplitOptions.RemoveEmptyEntries)];

    private static string? Pop(List<string> words)
    {
        if (words.Count == 0) return null;
        string last = words[^1];
        words.RemoveAt(words.Count - 1);
        return last;
    }
}
