namespace GptOss.Reference.Serving;

/// <summary>What a message of the assistant's is to the people and programs that receive it.</summary>
internal enum TurnKind
{
    /// <summary>On <c>analysis</c>, to no one: the chain of thought.</summary>
    Reasoning,

    /// <summary>On <c>commentary</c>, to no one: what the model says to the user before it calls a tool.</summary>
    Preamble,

    /// <summary>On <c>final</c>, or without a channel: the answer.</summary>
    Answer,

    /// <summary>To a recipient: a call.</summary>
    Call,
}
