using System.Buffers;
using System.Text.RegularExpressions;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>A header read for what can be made of it, where the strict reading gives none.</summary>
/// <param name="Header">Author, recipient, channel and content type, those that are in header position.</param>
/// <param name="Text">Words that are content, verbatim.</param>
/// <param name="LeftOver">Words that are neither: superseded channels and debris, joined by spaces.</param>
/// <remarks>
/// <para>Header position is the author's place at the beginning, and behind author or channel: <c>assistant to=X</c>,
/// <c>&lt;|channel|&gt;commentary to=X</c>. The same word anywhere else is text. Markers are the special tokens; text that spells one is text.</para>
/// <para>The last marker with a channel counts. Its value is a known channel where one ends with a token, otherwise its leading letters.</para>
/// </remarks>
internal sealed partial record RecoveredHeader(Header Header, string Text, string LeftOver)
{
    /// <summary>The channels that the system message names.</summary>
    internal static readonly string[] Channels = ["analysis", "commentary", "final"];

    private const int MostChannelTokens = 4;
    private static readonly SearchValues<char> AsciiLetters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>
    /// Whether a header that strict accepts is one: a recipient without <c>to=</c> and an author that is not a role have the form of a tool's name,
    /// as in <c>functions.f</c>, and on <c>final</c> a bare word is the content type.
    /// </summary>
    internal static bool IsSound(Header strict, string text)
    {
        bool isAddressed = strict.Recipient is { } to && text.Contains("to=" + to, StringComparison.Ordinal);
        bool isMarker = strict.Recipient?.StartsWith("<|", StringComparison.Ordinal) == true;
        bool hasRecipient = strict.Recipient is null || isAddressed || isMarker || (strict.Channel != "final" && IsToolName(strict.Recipient));
        return hasRecipient && (strict.Name is null or "tool" || strict.Recipient == "assistant" || IsToolName(strict.Name));
    }

    /// <summary>Whether text between messages is the beginning of a header: a role, a channel or a tool's name, perhaps with a recipient.</summary>
    internal static bool IsAuthor(string text)
    {
        List<string> words = Header.Words(text);
        if (words is [_, var second] && HeaderPart.IsRecipient(second))
            return true;
        return words is [var only] && (AuthorOf(only) is not null || Channels.Contains(only) || IsToolName(only));
    }

    /// <summary>Whether more text could make <see cref="IsAuthor"/> true.</summary>
    internal static bool MayBecomeAuthor(string text) => AuthorBeginning().IsMatch(text);

    /// <summary>Reads a header that <c>&lt;|message|&gt;</c> ended. Its text, if any, is a message of its own ahead of the one that begins.</summary>
    /// <param name="tokenizer">What the tokens mean.</param>
    /// <param name="tokens">The header's tokens.</param>
    /// <param name="role">The role that was stated from outside; null if the header tells it.</param>
    internal static RecoveredHeader Read(Tokenizer tokenizer, List<int> tokens, Role? role)
    {
        (List<HeaderPart> parts, string? channel, List<string> debris) = Cut(tokenizer, tokens, isCutShort: false);
        Header header = TakeAuthor(parts[0], role, channel, isCutShort: false, debris);
        foreach (HeaderPart part in parts)
        {
            header = header with { ContentType = header.ContentType ?? part.TakeConstraint() };
            if (header.Recipient is null && part.TakeRecipient(name => MayCall(header.Channel, name)) is { } recipient)
                header = header with { Recipient = recipient, ContentType = header.ContentType ?? part.TakeFirst() };
        }

        HeaderPart last = parts[^1];
        if (header.Recipient is null && header.Channel != "final" && last.Words is { Count: 1 or 2 } words && IsToolName(words[0]))
        {
            header = header with { Recipient = last.TakeFirst(), ContentType = header.ContentType ?? last.TakeFirst() };
        }
        else if (header is { Recipient: null, ContentType: null } && last.Words is [var type] &&
            (header.Channel == "final" || type is "json" or "code"))
        {
            header = header with { ContentType = last.TakeFirst() };
        }

        header = header.WithMarkerAsType(out string displaced);
        bool hasText = header.Recipient is null;
        string text = string.Join(' ', parts.Where(part => hasText && part.IsProse).Select(part => part.Text.Trim()));
        debris.AddRange(parts.Where(part => !hasText || !part.IsProse).SelectMany(part => part.Words));
        return new(header, text, Joined([.. debris, displaced]));
    }

    /// <summary>Reads a header that a stop token or the end ended: what is not in header position is the message's content.</summary>
    /// <param name="tokenizer">What the tokens mean.</param>
    /// <param name="tokens">The header's tokens.</param>
    /// <param name="role">The role that was stated from outside; null if the header tells it.</param>
    /// <param name="isUnfinished">Whether the stream ended here, so that the last word may be the beginning of one.</param>
    internal static RecoveredHeader ReadCutShort(Tokenizer tokenizer, List<int> tokens, Role? role, bool isUnfinished)
    {
        (List<HeaderPart> parts, string? channel, List<string> debris) = Cut(tokenizer, tokens, isCutShort: true);
        Header header = TakeAuthor(parts[0], role, channel, isCutShort: true, debris);

        // Without a channel nothing tells a header from text.
        if (header.Channel is not (null or "final") || header.Role == Role.Tool)
        {
            foreach (HeaderPart part in parts)
            {
                bool isLastWord = isUnfinished && part.Words.Count == 1;
                if (isLastWord && part.Words[0] == "to")
                    debris.Add(part.TakeFirst()!);
                header = header with { Recipient = header.Recipient ?? part.TakeRecipient(name => isLastWord || IsToolName(name) || IsNoTool(name)) };
            }
        }

        if (channel is not null)
            header = header with { ContentType = parts[^1].TakeTypeInFront(header.Recipient is not null) };
        return new(header, Joined([.. parts.Select(part => part.Text)]), Joined(debris));
    }

    // What comes before the first channel marker, and after each channel.
    private static (List<HeaderPart> Parts, string? Channel, List<string> Superseded) Cut(Tokenizer tokenizer, List<int> tokens, bool isCutShort)
    {
        int marker = tokenizer.SpecialId(HarmonyTokens.ChannelName)!.Value;
        var parts = new List<HeaderPart>();
        var superseded = new List<string>();
        string? channel = null;
        for (int begin = 0, end; begin <= tokens.Count; begin = end + 1)
        {
            end = tokens.IndexOf(marker, begin);
            if (end < 0)
                end = tokens.Count;
            List<int> run = tokens[begin..end];
            if (begin == 0)
            {
                parts.Add(new HeaderPart(tokenizer.Decode([.. run])));
                continue;
            }

            (string value, string behind) = TakeChannel(tokenizer, run, isCutShort);
            parts.Add(new HeaderPart(behind));
            if (value.Length == 0)
                continue;
            if (channel is not null)
                superseded.Add(channel);
            channel = value;
        }

        return (parts, channel, superseded);
    }

    // In front of content an unknown channel would be the content's first word.
    private static (string Channel, string Behind) TakeChannel(Tokenizer tokenizer, List<int> run, bool isCutShort)
    {
        for (int count = 1; count <= Math.Min(run.Count, MostChannelTokens); count++)
        {
            string known = tokenizer.Decode([.. run[..count]]).TrimStart();
            if (Channels.Contains(known))
                return (known, tokenizer.Decode([.. run[count..]]));
        }

        string text = tokenizer.Decode([.. run]);
        if (isCutShort && Array.Exists(Channels, known => text.Length > 0 && known.StartsWith(text, StringComparison.Ordinal)))
            return (text, "");
        int letters = isCutShort ? 0 : text.AsSpan().IndexOfAnyExcept(AsciiLetters);
        if (letters < 0)
            letters = text.Length;
        return (text[..letters], text[letters..]);
    }

    private static Header TakeAuthor(HeaderPart lead, Role? stated, string? channel, bool isCutShort, List<string> debris)
    {
        if (lead.Words is not [var first, ..] || HeaderPart.IsRecipient(first))
            return new Header(stated ?? Role.Assistant) { Channel = channel };
        if (stated is null && first.Split(':', 2) is [var word, var name] && RoleWords.Find(word) is { } named)
        {
            lead.TakeFirst();
            return new Header(named) { Name = name, Channel = channel };
        }

        if (AuthorOf(first) is var (role, glued) && (stated is null || stated == role))
        {
            lead.TakeFirst();
            if (channel is not null && glued is not null)
                debris.Add(glued);
            return new Header(role) { Name = role == Role.Tool && stated is null ? first : null, Channel = channel ?? glued };
        }

        if (!isCutShort && channel is null && Channels.Contains(first))
            return new Header(stated ?? Role.Assistant) { Channel = lead.TakeFirst() };

        // A tool's name comes where others have their role; with a recipient after it, even a garbled name is not text.
        bool isAddressed = stated is null && lead.Words is [_, var second, ..] && HeaderPart.IsRecipient(second);
        bool isTool = stated is null && channel != "final" && (channel is not null || !isCutShort) && NamePattern().IsMatch(first) &&
            (IsToolName(first) || lead.Words is [_, "to=assistant", ..]);
        if (isTool)
            return new Header(Role.Tool) { Name = lead.TakeFirst(), Channel = channel };
        if (isAddressed && !isCutShort)
            debris.AddRange([lead.TakeFirst()!, lead.TakeFirst()!]);
        return new Header(stated ?? Role.Assistant) { Channel = channel };
    }

    // A role's word, also when the model wrote it twice (assistantassistant) or lost the marker behind it (assistantfinal).
    private static (Role Role, string? Channel)? AuthorOf(string word)
    {
        foreach (Role role in Enum.GetValues<Role>())
        {
            string rest = word.Replace(role.Word(), "", StringComparison.Ordinal);
            if (rest.Length == 0)
                return (role, null);
            if (rest.Length < word.Length && word.EndsWith(rest, StringComparison.Ordinal) && Channels.Contains(rest))
                return (role, rest);
        }

        return null;
    }

    // In a header that strict refuses, a word with to= is a call where calls belong, or if it names a tool in full.
    private static bool MayCall(string? channel, string recipient) =>
        channel != "final" && (channel is "analysis" or "commentary" || IsToolName(recipient) || IsNoTool(recipient));

    private static bool IsNoTool(string recipient) => recipient is "assistant" or "user" or "all";

    private static bool IsToolName(string word) => ToolNamePattern().IsMatch(word);

    private static string Joined(IReadOnlyList<string> words) => string.Join(' ', words.Where(word => word.Length > 0));

    [GeneratedRegex(@"^[A-Za-z_][\w.-]*$")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^(?:python|[A-Za-z_]\w*(?:\.\w+)+)$")]
    private static partial Regex ToolNamePattern();

    [GeneratedRegex(@"^\s*[A-Za-z_][\w.]{0,63}(?:\s+(?:t|to|to=\S{0,63})?)?$")]
    private static partial Regex AuthorBeginning();
}
