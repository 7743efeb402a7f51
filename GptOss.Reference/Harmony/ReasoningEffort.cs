namespace GptOss.Reference.Harmony;

/// <summary>How long the model is asked to think before it answers.</summary>
public enum ReasoningEffort
{
    /// <summary>Rendered <c>low</c>.</summary>
    Low,

    /// <summary>Rendered <c>medium</c>; the default.</summary>
    Medium,

    /// <summary>Rendered <c>high</c>.</summary>
    High,
}
