using GptOss.Reference.Chat;

namespace GptOss.Reference.Tests.Chat;

/// <summary>Turns read to their end.</summary>
internal static class Turns
{
    /// <summary>Shows each event to a test as it comes.</summary>
    internal static Task<TurnResult> ToResultAsync(this IAsyncEnumerable<ConversationEvent> turn, Action<ConversationEvent> report) => turn.Select(happened =>
    {
        report(happened);
        return happened;
    }).ToResultAsync();
}
