using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>Answers calls. Whatever goes wrong is an answer to the model, never an exception, except cancellation.</summary>
internal static class ToolCalls
{
    /// <summary>What the model is told about a call that was stopped.</summary>
    internal const string Stopped = "The user stopped this call; it has no result.";

    /// <summary>The messages that answer a call.</summary>
    /// <exception cref="OperationCanceledException">The caller stopped it.</exception>
    internal static async Task<IReadOnlyList<Message>> AnswerAsync(
        ConversationOptions options, Message call, Action starting, CancellationToken cancellation)
    {
        string recipient = call.Recipient!;
        if (options.Tools.FirstOrDefault(tool => tool.IsFor(recipient)) is not { } tool)
            return [Answer(call, $"There is no tool named {recipient}. {Offered(options)}")];
        if (options.Allow is { } allow && !allow(tool, call))
            return [Answer(call, $"The user did not allow the call to {recipient}. Do without it.")];
        starting();
        try
        {
            // A tool that runs on the caller's thread must not keep it from noticing a cancellation.
            IReadOnlyList<ToolAnswer> answers = await Task.Run(() => tool.InvokeAsync(recipient, call.Text, cancellation), cancellation)
                .WaitAsync(cancellation).ConfigureAwait(false);
            return answers is []
                ? [Answer(call, "The tool gave no answer.")]
                : [.. answers.Select(answer => Answer(call, answer.Text, answer.Author))];
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellation.IsCancellationRequested)
        {
            return [Answer(call, $"The tool {recipient} failed: {e.Message}")];
        }
    }

    /// <summary>A tool's message on the channel of the call.</summary>
    internal static Message Answer(Message call, string text, string? author = null) => new(Role.Tool, text)
    {
        Name = author is { Length: > 0 } ? author : call.Recipient,
        Recipient = Role.Assistant.Word(),
        Channel = call.Channel ?? "commentary",
    };

    private static string Offered(ConversationOptions options)
    {
        string[] names = [.. options.Tools.SelectMany(tool => tool.Declaration.Recipients)];
        return names.Length == 0 ? "No tools are available." : $"Available: {string.Join(", ", names)}.";
    }
}
