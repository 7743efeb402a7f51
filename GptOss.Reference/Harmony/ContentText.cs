using System.Text;

namespace GptOss.Reference.Harmony;

/// <summary>System and developer content as text: sections with a blank line between them.</summary>
/// <remarks>Source: <c>openai/harmony</c>, <c>src/encoding.rs</c>.</remarks>
internal static class ContentText
{
    /// <summary>The text of a system message.</summary>
    /// <param name="content">What it says.</param>
    /// <param name="hasFunctions">Whether the conversation offers functions; a line then names their channel.</param>
    internal static string Of(SystemContent content, bool hasFunctions)
    {
        var sections = new List<string>();
        string[] top =
        [
            .. Present(content.ModelIdentity, ""),
            .. Present(content.KnowledgeCutoff, "Knowledge cutoff: "),
            .. Present(content.ConversationStartDate, "Current date: "),
        ];
        if (top.Length > 0)
            sections.Add(string.Join('\n', top));
        if (content.ReasoningEffort is { } effort)
            sections.Add("Reasoning: " + Word(effort));
        if (content.Tools is { Count: > 0 } tools)
            sections.Add(Tools(tools));
        if (content.ChannelConfig is { ValidChannels: { Count: > 0 } channels } config)
        {
            sections.Add($"# Valid channels: {string.Join(", ", channels)}." +
                (config.ChannelRequired ? " Channel must be included for every message." : "") +
                (hasFunctions ? "\nCalls to these tools must go to the commentary channel: 'functions'." : ""));
        }

        return string.Join("\n\n", sections);
    }

    /// <summary>The text of a developer message.</summary>
    internal static string Of(DeveloperContent content)
    {
        var sections = new List<string>();
        if (content.Instructions is { } instructions)
            sections.AddRange(["# Instructions", instructions]);
        if (content.Tools is { Count: > 0 } tools)
            sections.Add(Tools(tools));
        return string.Join("\n\n", sections);
    }

    private static string Word(ReasoningEffort effort) => effort switch
    {
        ReasoningEffort.Low => "low",
        ReasoningEffort.Medium => "medium",
        ReasoningEffort.High => "high",
        _ => throw new ArgumentOutOfRangeException(nameof(effort), effort, "The reasoning effort is low, medium or high."),
    };

    // Namespaces come in the order of their keys' bytes, and each prints its own name.
    private static string Tools(IReadOnlyDictionary<string, ToolNamespace> tools) => string.Join("\n\n",
    [
        "# Tools",
        .. tools.OrderBy(item => Encoding.UTF8.GetBytes(item.Key), Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b)))
            .Select(item => Namespace(item.Value)),
    ]);

    private static string Namespace(ToolNamespace space)
    {
        var lines = new List<string> { $"## {space.Name}\n" };
        bool hasTools = space.Tools.Count > 0;
        foreach (string line in Lines(space.Description))
            lines.Add(hasTools ? "// " + line : line);
        if (hasTools)
        {
            lines.Add($"namespace {space.Name} {{\n");
            foreach (ToolDescription tool in space.Tools)
            {
                foreach (string line in Lines(tool.Description))
                    lines.Add("// " + line);
                string parameters = tool.Parameters is { } schema ? "_: " + TypeScriptType.Of(schema) : "";
                lines.Add($"type {tool.Name} = ({parameters}) => any;\n");
            }

            lines.Add($"}} // namespace {space.Name}");
        }

        return string.Join('\n', lines);
    }

    // As Rust's str::lines: cut at LF, which takes a CR before it along; no line after a final LF.
    private static IEnumerable<string> Lines(string? text)
    {
        for (int start = 0, end; text is not null && start < text.Length; start = end + 1)
        {
            end = text.IndexOf('\n', start);
            if (end < 0)
            {
                yield return text[start..];
                yield break;
            }

            yield return text[start..(end > start && text[end - 1] == '\r' ? end - 1 : end)];
        }
    }

    private static IEnumerable<string> Present(string? value, string label) => value is null ? [] : [label + value];
}
