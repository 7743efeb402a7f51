using System.Text.Json;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Serving;

/// <summary>A form that the answer must have.</summary>
/// <param name="Name">The schema's name, which the prompt shows.</param>
/// <param name="Description">What it is for; null for nothing.</param>
/// <param name="Schema">A JSON Schema; null for any JSON object.</param>
internal sealed record TurnFormat(string Name, string? Description, JsonElement? Schema)
{
    /// <summary>Any JSON object.</summary>
    public static TurnFormat AnyObject { get; } = new("json_object", null, null);

    /// <summary>How the developer message shows it.</summary>
    internal string PromptSection() => AnswerForm.Section(Name, Description, Schema);
}
