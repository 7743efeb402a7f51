namespace GptOss.Reference.Harmony;

/// <summary>A tool that a conversation may offer to the model.</summary>
public interface ITool
{
    /// <summary>What the model is told: <c>browser</c>, <c>python</c>, or functions. Several tools may share the namespace <c>functions</c>.</summary>
    ToolNamespace Declaration { get; }

    /// <summary>What the model is told in the developer message besides, after the application's own instructions; null for nothing.</summary>
    string? Instructions => null;

    /// <summary>Whether a call to this recipient is for this tool.</summary>
    bool IsFor(string recipient) => recipient == Declaration.Name || recipient.StartsWith(Declaration.Name + ".", StringComparison.Ordinal);

    /// <summary>Answers one call. Whatever the model wrote, the answer is a text; only cancellation is thrown.</summary>
    /// <param name="recipient">Whom the call is addressed to, such as <c>browser.open</c>.</param>
    /// <param name="content">The call's text.</param>
    /// <param name="cancellation">Stops the tool and what it started.</param>
    /// <returns>Answers in order; each becomes a message of the tool to the assistant, on the call's channel.</returns>
    Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation);
}

/// <summary>One answer of a tool.</summary>
/// <param name="Author">The author's name: the call's recipient, such as <c>browser.open</c>.</param>
/// <param name="Text">The text for the model.</param>
public sealed record ToolAnswer(string Author, string Text);
