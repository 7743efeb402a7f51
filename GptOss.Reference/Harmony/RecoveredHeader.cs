using System.Text.RegularExpressions;

namespace GptOss.Reference.Harmony;

/// <summary>A header read for what can be made of it, where the strict reading gives none.</summary>
/// <remarks>
/// The last channel marker counts and its value is its leading ASCII letters; the first <c>to=</c> word is the recipient; the content type is
/// what <c>&lt;|constrain|&gt;</c> begins, or else the word after the recipient. No word is lost: what has no place is left over.
/// </remarks>
internal static partial class RecoveredHeader
{
    /// <summary>Reads a header that <c>&lt;|message|&gt;</c> ended.</summary>
    /// <param name="text">The header's text, special tokens by name.</param>
    /// <param name="role">The role that was stated from outside; null if the header tells it.</param>
    /// <param name="leftOver">Words that found no place, joined by spaces.</param>
    internal static Header Read(string text, Role? role, out string leftOver)
    {
        text = TakeChannel(text, out string? channel, out string superseded);
        List<string> words = Header.Words(text);
        Header header = TakeRole(words, role, channel, isCutShort: false) with { Channel = channel };
        int to = words.FindIndex(IsRecipient);
        string? recipient = null, type = null;
        if (to >= 0)
        {
            recipient = words[to][3..];
            words.RemoveAt(to);
        }

        int typeAt = words.FindIndex(word => word.StartsWith(HarmonyTokens.ConstrainName, StringComparison.Ordinal));
        if (typeAt < 0 && to >= 0 && to < words.Count) typeAt = to;
        if (typeAt >= 0)
        {
            type = words[typeAt];
            words.RemoveAt(typeAt);
            if (type == HarmonyTokens.ConstrainName && typeAt < words.Count)
            {
                type += " " + words[typeAt];
                words.RemoveAt(typeAt);
            }
        }

        header = (header with { Recipient = recipient, ContentType = type }).WithMarkerAsType(out string displaced);
        leftOver = string.Join(' ', words.Prepend(superseded).Append(displaced).Where(word => word.Length > 0));
        return header;
    }

    /// <summary>Reads a header that a stop token or the end of input ended: what is left of it is the message's content.</summary>
    /// <param name="text">The header's text, special tokens by name.</param>
    /// <param name="role">The role that was stated from outside; null if the header tells it.</param>
    /// <param name="content">The words that are left, joined by single spaces.</param>
    /// <param name="lost">
    /// What the content does not show of the text: superseded channels, and the text itself where its white space was more than single spaces.
    /// </param>
    internal static Header ReadCutShort(string text, Role? role, out string content, out string lost)
    {
        text = TakeChannel(text, out string? channel, out lost);
        List<string> words = Header.Words(text);
        int before = words.Count;
        Header header = TakeRole(words, role, channel, isCutShort: true) with { Channel = channel };
        int taken = before - words.Count;
        if (words.FindIndex(IsRecipient) is >= 0 and var to)
        {
            header = (header with { Recipient = words[to][3..] }).WithMarkerAsType(out _);
            words.RemoveAt(to);
            if (to == 0) taken++;
        }

        content = string.Join(' ', words);
        string verbatim = After(text, taken);
        if (verbatim.Length > 0 && (words.Count == 0 || Squeezed(verbatim) != verbatim))
            lost = lost.Length > 0 ? lost + " " + verbatim : verbatim;
        return header;
    }

    // Every marker goes with the letters after it; the last one's are the channel.
    private static string TakeChannel(string text, out string? channel, out string superseded)
    {
        MatchCollection markers = ChannelPattern().Matches(text);
        channel = markers.Count > 0 && markers[^1].Groups["value"].Value is { Length: > 0 } value ? value : null;
        superseded = string.Join(' ', markers.SkipLast(1).Select(marker => marker.Groups["value"].Value).Where(word => word.Length > 0));
        return ChannelPattern().Replace(text, marker =>
            marker.Index + marker.Length is var next && next < text.Length && IsSpace(text[next]) ? "" : " ");
    }

    private static Header TakeRole(List<string> words, Role? stated, string? channel, bool isCutShort)
    {
        if (stated is { } role)
        {
            if (words is [var repeated, ..] && RoleOf(repeated) == role) words.RemoveAt(0);
            return new Header(role);
        }

        if (words is not [var first, ..] || IsRecipient(first)) return new Header(Role.Assistant);
        if (RoleOf(first) is { } found)
        {
            words.RemoveAt(0);
            return new Header(found) { Name = found == Role.Tool ? first : null };
        }

        // A tool's name stands where others have their role; in front of content only a name that has the form of one.
        if (!(isCutShort ? QualifiedNamePattern() : NamePattern()).IsMatch(first) || channel == "final") return new Header(Role.Assistant);
        words.RemoveAt(0);
        return new Header(Role.Tool) { Name = first };
    }

    // The role's word, also when the model wrote it twice: assistantassistant.
    private static Role? RoleOf(string word)
    {
        foreach (Role role in Enum.GetValues<Role>())
            if (word.Replace(role.Word(), "", StringComparison.Ordinal).Length == 0) return role;
        return null;
    }

    private static bool IsRecipient(string word) => word.Length > 3 && word.StartsWith("to=", StringComparison.Ordinal);

    // The text after so many words, without the one space that parts header and content.
    private static string After(string text, int words)
    {
        int at = 0;
        for (; words > 0; words--)
        {
            while (at < text.Length && IsSpace(text[at])) at++;
            while (at < text.Length && !IsSpace(text[at])) at++;
        }

        return at < text.Length && text[at] == ' ' ? text[(at + 1)..] : text[at..];
    }

    private static string Squeezed(string text) => string.Join(' ', Header.Words(text));

    private static bool IsSpace(char c) => c is ' ' or '\t' or '\n' or '\f' or '\r';

    // White space after the marker is only skipped to find a channel that is known.
    [GeneratedRegex(@"<\|channel\|>(?:\s+(?<value>analysis|commentary|final)(?![A-Za-z])|(?<value>[A-Za-z]*))")]
    private static partial Regex ChannelPattern();

    [GeneratedRegex(@"^[A-Za-z_][\w.-]*$")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(?:python|[A-Za-z_]\w*(?:\.\w+)+)$")]
    private static partial Regex QualifiedNamePattern();
}
