namespace GptOss.Reference.Harmony;

/// <summary>An item of a message's content.</summary>
public abstract record MessageContent;

/// <summary>Plain text; allowed in every message.</summary>
/// <param name="Text">The text. Names of special tokens inside it stay text.</param>
public sealed record TextContent(string Text) : MessageContent;

/// <summary>What a system message says. A property set to null is left out of the message.</summary>
public sealed record SystemContent : MessageContent
{
    /// <summary>The first line. Personas go into the developer message; the model knows itself by this sentence.</summary>
    public string? ModelIdentity { get; init; } = "You are ChatGPT, a large language model trained by OpenAI.";

    /// <summary>How long to think.</summary>
    public ReasoningEffort? ReasoningEffort { get; init; } = Harmony.ReasoningEffort.Medium;

    /// <summary>The current date, <c>2025-06-28</c>; null, the default, states none.</summary>
    public string? ConversationStartDate { get; init; }

    /// <summary>Where the training data ends.</summary>
    public string? KnowledgeCutoff { get; init; } = "2024-06";

    /// <summary>The channels line.</summary>
    public ChannelConfig? ChannelConfig { get; init; } = new(["analysis", "commentary", "final"], ChannelRequired: true);

    /// <summary>Built-in tools by namespace; null or empty for none.</summary>
    public IReadOnlyDictionary<string, ToolNamespace>? Tools { get; init; }

    /// <summary>Whether both have the same JSON form.</summary>
    public bool Equals(SystemContent? other) => other is not null && MessageJson.Text(this) == MessageJson.Text(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(ModelIdentity, ReasoningEffort, ConversationStartDate);
}

/// <summary>What a developer message says: the application's instructions and its functions.</summary>
public sealed record DeveloperContent : MessageContent
{
    /// <summary>Free text; null leaves the section out.</summary>
    public string? Instructions { get; init; }

    /// <summary>Tools by namespace, usually <c>functions</c> alone; null or empty for none.</summary>
    public IReadOnlyDictionary<string, ToolNamespace>? Tools { get; init; }

    /// <summary>Whether both have the same JSON form.</summary>
    public bool Equals(DeveloperContent? other) => other is not null && MessageJson.Text(this) == MessageJson.Text(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Instructions, Tools?.Count);
}

/// <summary>Which channels the system message names.</summary>
/// <param name="ValidChannels">Their names in order; with none the line is left out.</param>
/// <param name="ChannelRequired">Whether the line demands a channel of every message.</param>
public sealed record ChannelConfig(IReadOnlyList<string> ValidChannels, bool ChannelRequired);
