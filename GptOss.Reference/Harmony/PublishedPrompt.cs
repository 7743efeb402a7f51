using System.Globalization;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>The published prompt for one question: the default system message, the user's message, and the start of the answer.</summary>
public static class PublishedPrompt
{
    /// <summary>The ids of system message, user message and <c>&lt;|start|&gt;assistant</c>.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="question">What the user says.</param>
    /// <param name="effort">The reasoning effort that the system message asks for.</param>
    /// <param name="date">The current date that the system message states; null states none.</param>
    /// <exception cref="TokenizerFormatException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public static int[] Build(Tokenizer tokenizer, string question, ReasoningEffort effort = ReasoningEffort.Medium, DateOnly? date = null)
    {
        ArgumentNullException.ThrowIfNull(question);
        return new HarmonyRenderer(tokenizer).RenderForCompletion([System(effort, date), new Message(Role.User, question)]);
    }

    /// <summary>The default system message, without tools.</summary>
    internal static Message System(ReasoningEffort effort, DateOnly? date) => new(Role.System,
    [
        new SystemContent
        {
            ReasoningEffort = effort,
            ConversationStartDate = date?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        },
    ]);
}
