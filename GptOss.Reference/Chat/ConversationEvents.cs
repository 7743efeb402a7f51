namespace GptOss.Reference.Chat;

/// <summary>A turn's events as a whole.</summary>
public static class ConversationEvents
{
    /// <summary>Waits for the end of a turn: <c>await conversation.AskAsync("…").ToResultAsync()</c>.</summary>
    /// <param name="turn">The events of one turn.</param>
    /// <returns>What came of it, also where it was cancelled.</returns>
    /// <exception cref="ArgumentException">These are not the events of a turn to its end.</exception>
    public static async Task<TurnResult> ToResultAsync(this IAsyncEnumerable<ConversationEvent> turn)
    {
        ArgumentNullException.ThrowIfNull(turn);
        TurnResult? result = null;
        await foreach (ConversationEvent happened in turn.ConfigureAwait(false))
            result = (happened as TurnEnded)?.Result ?? result;
        return result ?? throw new ArgumentException("The events have no end of a turn among them.", nameof(turn));
    }
}
