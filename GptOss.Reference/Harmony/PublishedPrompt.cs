using System.Globalization;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Harmony;

/// <summary>The published prompt for one question: the default system message, the user's message, and the start of the answer.</summary>
/// <remarks>
/// Each piece of text is encoded by itself in ordinary mode, so what a user writes can never become a special token.
/// Sources: <c>openai/harmony</c>, <c>src/chat.rs</c> (defaults) and <c>src/encoding.rs</c> (rendering).
/// </remarks>
public static class PublishedPrompt
{
    /// <summary>The ids of system message, user message and <c>&lt;|start|&gt;assistant</c>.</summary>
    /// <param name="tokenizer">The checkpoint's tokenizer.</param>
    /// <param name="question">What the user says.</param>
    /// <param name="effort">The reasoning effort that the system message asks for.</param>
    /// <param name="date">The current date that the system message states; null states none.</param>
    /// <exception cref="ArgumentException">The tokenizer lacks one of the special tokens that frame messages.</exception>
    public static int[] Build(Tokenizer tokenizer, string question, ReasoningEffort effort = ReasoningEffort.Medium, DateOnly? date = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(question);
        return
        [
            .. Message(tokenizer, "system", SystemText(effort, date)),
            .. Message(tokenizer, "user", question),
            Special(tokenizer, "<|start|>"), .. tokenizer.Encode("assistant"),
        ];
    }

    /// <summary>The ids of one message without channel or recipient: <c>&lt;|start|&gt;ROLE&lt;|message|&gt;CONTENT&lt;|end|&gt;</c>.</summary>
    internal static int[] Message(Tokenizer tokenizer, string role, string content) =>
    [
        Special(tokenizer, "<|start|>"), .. tokenizer.Encode(role),
        Special(tokenizer, "<|message|>"), .. tokenizer.Encode(content),
        Special(tokenizer, "<|end|>"),
    ];

    /// <summary>The text of the default system message, without tools.</summary>
    internal static string SystemText(ReasoningEffort effort, DateOnly? date)
    {
        string effortWord = effort switch
        {
            ReasoningEffort.Low => "low",
            ReasoningEffort.Medium => "medium",
            ReasoningEffort.High => "high",
            _ => throw new ArgumentOutOfRangeException(nameof(effort), effort, "The reasoning effort is low, medium or high."),
        };
        string dateLine = date is { } day ? "\nCurrent date: " + day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) : "";
        return "You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06" + dateLine +
            "\n\nReasoning: " + effortWord +
            "\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message.";
    }

    /// <summary>The id of a special token that the format cannot do without.</summary>
    internal static int Special(Tokenizer tokenizer, string name) => tokenizer.SpecialId(name)
        ?? throw new ArgumentException($"The tokenizer has no token {name}, which the Harmony format needs.", nameof(tokenizer));
}
