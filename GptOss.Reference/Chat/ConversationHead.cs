using System.Text.Json;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>The messages that a conversation begins with: system, and developer where there is something to say.</summary>
internal static class ConversationHead
{
    /// <summary>The messages that say what the options hold.</summary>
    /// <exception cref="HarmonyFormatException">Two tools have the same name.</exception>
    internal static IReadOnlyList<Message> Of(ConversationOptions options)
    {
        var builtIn = new List<ToolNamespace>();
        var functions = new List<ToolDescription>();
        foreach (ITool tool in options.Tools)
        {
            ToolNamespace declared = tool.Declaration;
            if (declared.Name == ToolNamespace.FunctionsName)
                functions.AddRange(declared.Tools);
            else
                builtIn.Add(declared);
        }
        RequireUnique(builtIn.Select(space => space.Name));
        RequireUnique(functions.Select(function => $"functions.{function.Name}"));

        SystemContent system = options.System with { Tools = builtIn.Count == 0 ? null : ToolNamespace.Of(builtIn) };
        var head = new List<Message> { new(Role.System, [system]) };
        string instructions = string.Join('\n', ((string?[])[options.Instructions, .. options.Tools.Select(tool => tool.Instructions)])
            .Where(text => !string.IsNullOrEmpty(text)));
        if (instructions.Length > 0 || functions.Count > 0)
        {
            var developer = new DeveloperContent
            {
                Instructions = instructions.Length > 0 ? instructions : null,
                Tools = functions.Count == 0 ? null : ToolNamespace.Functions(functions),
            };
            head.Add(new(Role.Developer, [developer]));
        }
        return head;
    }

    /// <summary>The messages of a prompt, which also show the schema of answers.</summary>
    internal static IReadOnlyList<Message> WithSchema(IReadOnlyList<Message> head, JsonElement? schema)
    {
        if (schema is null)
            return head;
        string section = AnswerForm.Section("response", null, schema);
        return head is [var system, var developer]
            ? [system, developer with { Content = [.. developer.Content, new TextContent($"\n\n{section}")] }]
            : [.. head, new(Role.Developer, section)];
    }

    private static void RequireUnique(IEnumerable<string> names)
    {
        foreach (IGrouping<string, string> same in names.GroupBy(name => name).Where(same => same.Count() > 1))
            throw new HarmonyFormatException($"There are {same.Count()} tools named {same.Key}; the model could not tell them apart.");
    }
}
