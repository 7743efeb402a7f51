using GptOss.Reference.Harmony;


namespace GptOss.Reference.Serving;

/// <summary>A turn of the assistant's after a conversation: what the prompt is made from, and what binds the answer.</summary>
internal sealed record Turn
{
    /// <summary>What was said; system and developer messages are made from the other members.</summary>
    public required IReadOnlyList<Message> Messages { get; init; }

    /// <summary>The developer message's instructions; null for none.</summary>
    public string? Instructions { get; init; }

    /// <summary>Functions of the application, in the order in which the prompt shows them.</summary>
    public IReadOnlyList<TurnFunction> Functions { get; init; } = [];

    /// <summary>Whether the turn must, may or must not be a call.</summary>
    public CallMode Calls { get; init; }

    /// <summary>The functions that may be called; null for all of them.</summary>
    public IReadOnlyList<TurnFunction>? Allowed { get; init; }

    /// <summary>The answer's form; null for free text.</summary>
    public TurnFormat? Format { get; init; }

    /// <summary>How long to think.</summary>
    public ReasoningEffort Effort { get; init; } = ReasoningEffort.Medium;

    /// <summary>Tools that the application itself answers, such as browser and python.</summary>
    public IReadOnlyList<ITool> Tools { get; init; } = [];
}
