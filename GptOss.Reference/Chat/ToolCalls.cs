using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>Answers calls. Whatever goes wrong is an answer to the model and not an exception.</summary>
internal static class ToolCalls
{
    /// <summary>Looks for the tool that a call is for, and asks whether it may run.</summary>
    /// <returns>The tool, or the answer that the model gets instead; neither if the person asked ended the turn.</returns>
    internal static async Task<(ITool? Tool, Message? Refusal)> PermitAsync(ConversationOptions options, Message call, CancellationToken cancellation)
    {
        string recipient = call.Recipient!;
        if (options.Tools.FirstOrDefault(tool => tool.IsFor(recipient)) is not { } tool)
            return (null, Answer(call, $"There is no tool named {recipient}. {Offered(options)}"));
        try
        {
            return options.Allow is null || await options.Allow(tool, call, cancellation).ConfigureAwait(false)
                ? (tool, null)
                : (null, Answer(call, $"The user did not allow the call to {recipient}. Do without it."));
        }
        catch (OperationCanceledException)
        {
            return (null, null);
        }
    }

    /// <summary>Runs a call. If it is cancelled, the tool has some time to say what became of it; after that the answer says what is known.</summary>
    /// <param name="tool">The tool.</param>
    /// <param name="call">The call.</param>
    /// <param name="grace">How long a cancelled tool is waited for.</param>
    /// <param name="cancellation">Cancels the call; never thrown.</param>
    internal static async Task<IReadOnlyList<Message>> RunAsync(ITool tool, Message call, TimeSpan grace, CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
            return [NotRun(call, "The user stopped it before it began.")];

        // On the thread pool, because a tool that runs on the caller's thread would keep it from noticing a cancellation.
        Task<IReadOnlyList<ToolAnswer>> running = Task.Run(() => tool.InvokeAsync(call.Recipient!, call.Text, cancellation), CancellationToken.None);
        Task ended = running;
        await ended.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!ended.IsCompleted)
            await ended.WaitAsync(grace, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!ended.IsCompleted)
        {
            _ = ended.ContinueWith(late => _ = late.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            return [Answer(call, "The user stopped this call. It has not ended, and it may have had an effect or have one later.")];
        }
        try
        {
            IReadOnlyList<ToolAnswer> answers = await running.ConfigureAwait(false);
            return answers is []
                ? [Answer(call, "The tool gave no answer.")]
                : [.. answers.Select(answer => Answer(call, answer.Text, answer.Author))];
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // ITool's promise.
            return [Answer(call, "The user stopped this call. It has no result and, by its own account, had no effect.")];
        }
        catch (Exception e)
        {
            string stopped = cancellation.IsCancellationRequested ? " after the user stopped it; it may have had an effect" : "";
            return [Answer(call, $"The tool {call.Recipient} failed{stopped}: {e.Message}")];
        }
    }

    /// <summary>The answer to a call that was not begun.</summary>
    internal static Message NotRun(Message call, string why) => Answer(call, $"This call was not run. {why}");

    // A tool's message on the channel of the call.
    private static Message Answer(Message call, string text, string? author = null) => new(Role.Tool, text)
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
