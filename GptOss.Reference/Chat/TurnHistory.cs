using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>The turns of a conversation, and the prompts that show them to the model.</summary>
/// <remarks>
/// A prompt grows with the turns until it leaves less than a quarter of the context for the answer. Then the oldest whole turns are left out of
/// it until it fills no more than half, so that the next turns find their prefix in the cache again. The turns themselves are kept.
/// </remarks>
internal sealed class TurnHistory(HarmonyRenderer renderer)
{
    private readonly List<ConversationTurn> _turns = [];

    /// <summary>Turns so far.</summary>
    internal int Count => _turns.Count;

    /// <summary>The turn that is going on, or the last one.</summary>
    internal ConversationTurn Last => _turns[^1];

    /// <summary>Turns at the beginning that prompts leave out.</summary>
    internal int Forgotten { get; private set; }

    /// <summary>What the model read and wrote last; empty where a change made that meaningless.</summary>
    internal int[] LastTokens { get; set; } = [];

    /// <summary>Everything that was said.</summary>
    internal IEnumerable<Message> Messages => _turns.SelectMany(turn => turn.Messages);

    /// <summary>Begins a turn.</summary>
    internal void Begin(IEnumerable<Message> asked) => _turns.Add(new ConversationTurn([.. asked], Forgotten));

    /// <summary>Removes the last turn; null if there is none.</summary>
    internal ConversationTurn? TakeBack()
    {
        if (_turns is not [.., var last])
            return null;
        _turns.RemoveAt(_turns.Count - 1);
        (Forgotten, LastTokens) = (last.ForgottenBefore, []);
        return last;
    }

    /// <summary>Replaces all turns; one begins with each message of the user that does not follow another.</summary>
    internal void Replace(IReadOnlyList<Message> messages)
    {
        _turns.Clear();
        (Forgotten, LastTokens) = (0, []);
        foreach (Message message in messages)
        {
            if (_turns is not [.., var turn] || (message.Role == Role.User && turn.Messages[^1].Role != Role.User))
                _turns.Add(turn = new ConversationTurn([], 0));
            turn.Messages.Add(message);
        }
    }

    /// <summary>The part of the next turn's prompt that is known already.</summary>
    internal int[] Prompt(IReadOnlyList<Message> head, DroppedAnalysis drop) =>
        renderer.RenderForCompletion([.. head, .. _turns.Skip(Forgotten).SelectMany(turn => turn.Messages)], drop: drop);

    /// <summary>The prompt of the turn that is going on.</summary>
    /// <param name="head">System and developer message.</param>
    /// <param name="written">What the model wrote and tools answered in this turn, as tokens.</param>
    /// <param name="options">How much the context holds, and how long an answer may be.</param>
    internal int[] OpenPrompt(IReadOnlyList<Message> head, IReadOnlyList<int> written, ConversationOptions options)
    {
        int[] prompt = Render();
        int answer = Math.Min(options.MaxTokens ?? int.MaxValue, Math.Max(1, options.Context / 4));
        if (prompt.Length <= options.Context - answer)
            return prompt;
        for (; prompt.Length > options.Context / 2 && Forgotten < _turns.Count - 1; prompt = Render())
            Forgotten++;
        return prompt;

        int[] Render()
        {
            IEnumerable<Message> finished = _turns.Take(_turns.Count - 1).Skip(Forgotten).SelectMany(turn => turn.Messages);
            return [.. renderer.RenderForCompletion([.. head, .. finished, .. Last.Asked], drop: options.Drop), .. written];
        }
    }

    /// <summary>What <see cref="Restore"/> goes back to.</summary>
    internal Snapshot Save() => new([.. _turns], Forgotten, LastTokens);

    /// <summary>Undoes what turns were begun or taken back since; messages that were added to a turn stay.</summary>
    internal void Restore(Snapshot saved)
    {
        _turns.Clear();
        _turns.AddRange(saved.Turns);
        (Forgotten, LastTokens) = (saved.Forgotten, saved.LastTokens);
    }

    internal sealed record Snapshot(ConversationTurn[] Turns, int Forgotten, int[] LastTokens);
}

/// <summary>What the user said, and everything up to the user's next message.</summary>
/// <param name="messages">What is known of it.</param>
/// <param name="forgottenBefore">Turns that prompts left out when it began.</param>
internal sealed class ConversationTurn(List<Message> messages, int forgottenBefore)
{
    internal List<Message> Messages => messages;

    internal int ForgottenBefore => forgottenBefore;

    /// <summary>The user's messages at its beginning.</summary>
    internal IEnumerable<Message> Asked => messages.TakeWhile(message => message.Role == Role.User);
}
