namespace GptOss.Reference.Harmony;

/// <summary>One message: who says what to whom, on which channel.</summary>
/// <param name="Role">Who wrote it.</param>
/// <param name="Content">What it says, in order, with nothing between the items.</param>
public sealed record Message(Role Role, IReadOnlyList<MessageContent> Content)
{
    /// <summary>A message that is one text.</summary>
    public Message(Role role, string text)
        : this(role, [new TextContent(text)])
    {
    }

    /// <summary>A tool's full name (<c>functions.get_weather</c>), which a tool's message needs; for others a name after the role, or null.</summary>
    public string? Name { get; init; }

    /// <summary><c>analysis</c>, <c>commentary</c> or <c>final</c>; null where none is stated.</summary>
    public string? Channel { get; init; }

    /// <summary>To whom: a tool for a call, <c>assistant</c> for a tool's result; null is everyone.</summary>
    public string? Recipient { get; init; }

    /// <summary>The data type of the body, usually of calls only: <c>&lt;|constrain|&gt;json</c>, <c>json</c>, <c>code</c>.</summary>
    public string? ContentType { get; init; }

    /// <summary>The text items joined; system and developer content gives none.</summary>
    public string Text => string.Concat(Content.OfType<TextContent>().Select(item => item.Text));

    /// <summary>Whether all parts are equal, content item by item.</summary>
    public bool Equals(Message? other) =>
        other is not null && Role == other.Role && Name == other.Name && Channel == other.Channel && Recipient == other.Recipient &&
        ContentType == other.ContentType && Content.SequenceEqual(other.Content);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Role, Name, Channel, Recipient, ContentType, Content.Count);
}
