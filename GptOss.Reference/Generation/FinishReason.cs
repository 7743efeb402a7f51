namespace GptOss.Reference.Generation;

/// <summary>Why a continuation ended.</summary>
public enum FinishReason
{
    /// <summary>A stop token was chosen, or a stop string appeared.</summary>
    Stop,

    /// <summary>As many tokens as were allowed, or as the context holds.</summary>
    Length,

    /// <summary>The caller cancelled.</summary>
    Cancelled,
}
