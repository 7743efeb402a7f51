namespace GptOss.Reference.Harmony;

/// <summary>A tool that a conversation may offer to the model.</summary>
public interface ITool
{
    /// <summary>
    /// What the prompt declares: <c>browser</c>, <c>python</c>, or functions. Several tools may share the namespace <c>functions</c>.
    /// </summary>
    ToolNamespace Declaration { get; }

    /// <summary>Text for the developer message, after the application's own instructions; null for none.</summary>
    string? Instructions => null;

    /// <summary>Whether a call to this recipient is for this tool.</summary>
    bool IsFor(string recipient) => recipient == Declaration.Name || recipient.StartsWith(Declaration.Name + ".", StringComparison.Ordinal);

    /// <summary>Answers one call. Whatever the model wrote, the answer is text.</summary>
    /// <remarks>
    /// A call that is cancelled ends everything that it started, and soon. If it may have had an effect it returns an answer that says so, or that
    /// says what was done; it throws only if it had none. So whoever cancels waits a little for the answer before answering for the tool.
    /// </remarks>
    /// <param name="recipient">The call's recipient, such as <c>browser.open</c>.</param>
    /// <param name="content">The call's text.</param>
    /// <param name="cancellation">Cancels the call.</param>
    /// <returns>Answers in order; each becomes a message of the tool to the assistant, on the call's channel.</returns>
    /// <exception cref="OperationCanceledException">The call was cancelled and had no effect.</exception>
    Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation);
}

/// <summary>One answer of a tool.</summary>
/// <param name="Author">The author's name: the call's recipient, such as <c>browser.open</c>.</param>
/// <param name="Text">The text for the model.</param>
public sealed record ToolAnswer(string Author, string Text);
