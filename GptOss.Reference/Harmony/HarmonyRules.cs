using GptOss.Reference.Generation.Constraints;

namespace GptOss.Reference.Harmony;

/// <summary>What a turn of the assistant's may be: messages of analysis and preambles, then a call or the answer.</summary>
public sealed record HarmonyRules
{
    /// <summary>Calls that end the turn; recipients that are not listed cannot be addressed.</summary>
    public IReadOnlyList<HarmonyCall> Calls { get; init; } = [];

    /// <summary>Whether the turn may be an answer. Without it there is at least one call among <see cref="Calls"/>, built-in ones not counted.</summary>
    public bool MayAnswer { get; init; } = true;

    /// <summary>What the answer is held to; null for any text.</summary>
    public JsonSchema? Answer { get; init; }
}

/// <summary>A call that a turn may make.</summary>
/// <param name="Recipient">To whom it is addressed: <c>functions.get_weather</c>, <c>browser.search</c>, <c>python</c>.</param>
/// <param name="Arguments">What its content is held to; null for any text.</param>
public sealed record HarmonyCall(string Recipient, JsonSchema? Arguments = null)
{
    /// <summary>Whether it belongs to the reasoning: the analysis channel is its place too, and it does not count as a call that is required.</summary>
    public bool IsBuiltIn { get; init; }
}
