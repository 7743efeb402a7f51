using System.Text.Json;

namespace GptOss.Reference.Harmony;

/// <summary>The form of an answer as the developer message shows it: a model that does not know its schema writes valid nonsense.</summary>
internal static class AnswerForm
{
    /// <summary>The section, to stand last in the message.</summary>
    /// <param name="name">The schema's name.</param>
    /// <param name="description">What it is for; null for nothing.</param>
    /// <param name="schema">A JSON Schema; null for any object.</param>
    internal static string Section(string name, string? description, JsonElement? schema)
    {
        string comment = description is { Length: > 0 } text ? $"// {text.ReplaceLineEndings(" ")}\n" : "";
        string spelled = schema is { } given ? CompactJson.Spelled(given) : """{"type":"object"}""";
        return $"# Response Formats\n\n## {name.ReplaceLineEndings(" ")}\n\n{comment}{spelled}";
    }
}
