using System.Globalization;
using GptOss.Reference.Generation;
using GptOss.Reference.Harmony;
using GptOss.Reference.Tokens;

namespace GptOss.Reference.Serving;

/// <summary>
/// Makes the prompt of a turn: the system message is ours, the developer message holds instructions, functions and the answer's form.
/// </summary>
/// <remarks>Text never becomes a control token: every piece is encoded as ordinary text. Thread-safe.</remarks>
/// <param name="tokenizer">The checkpoint's tokenizer.</param>
/// <param name="today">The date that the system message states.</param>
/// <param name="schemas">Where compiled schemas are kept; null for the one that all callers share.</param>
internal sealed class TurnComposer(Tokenizer tokenizer, Func<DateOnly> today, SchemaCache? schemas = null)
{
    private readonly HarmonyRenderer _renderer = new(tokenizer);

    /// <summary>The prompt's ids and what binds the answer.</summary>
    /// <exception cref="TurnSchemaException">The answer's form, or a strict function's parameters, cannot be kept.</exception>
    public ComposedTurn Compose(Turn turn)
    {
        ArgumentNullException.ThrowIfNull(turn);
        if (turn.Calls == CallMode.None)
            turn = turn with { Functions = [], Tools = [] };       // what may not be called is not shown either
        TokenConstraint constraint = TurnConstraints.Of(turn, tokenizer, schemas ?? SchemaCache.Shared);
        var messages = new List<Message> { System(turn) };
        if (Developer(turn) is { } developer)
            messages.Add(developer);
        messages.AddRange(turn.Messages);
        return new ComposedTurn(_renderer.RenderForCompletion(messages, Role.Assistant, DroppedAnalysis.Finished), constraint);
    }

    private Message System(Turn turn) => new(Role.System, [new SystemContent
    {
        ReasoningEffort = turn.Effort,
        ConversationStartDate = today().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        Tools = turn.Tools.Count == 0 ? null : ToolNamespace.Of([.. turn.Tools.Select(tool => tool.Declaration)]),
    }]);

    private static Message? Developer(Turn turn)
    {
        string?[] sections = [turn.Instructions, .. turn.Tools.Select(tool => tool.Instructions)];
        string instructions = string.Join("\n\n", sections.Where(text => !string.IsNullOrEmpty(text)));
        IReadOnlyDictionary<string, ToolNamespace>? functions = turn.Functions.Count == 0 ? null
            : ToolNamespace.Of([.. turn.Functions.GroupBy(function => function.Namespace)
                .Select(space => new ToolNamespace(space.Key, null, [.. space.Select(function => function.Description)]))]);
        if (instructions.Length == 0 && functions is null && turn.Format is null)
            return null;
        var content = new List<MessageContent>();
        if (instructions.Length > 0 || functions is not null)
            content.Add(new DeveloperContent { Instructions = instructions.Length == 0 ? null : instructions, Tools = functions });
        if (turn.Format is { } format)
            content.Add(new TextContent((content.Count > 0 ? "\n\n" : "") + format.PromptSection()));
        return new Message(Role.Developer, content);
    }
}
