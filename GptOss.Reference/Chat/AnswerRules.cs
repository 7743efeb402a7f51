using System.Text.Json;
using GptOss.Reference.Generation.Constraints;
using GptOss.Reference.Harmony;

namespace GptOss.Reference.Chat;

/// <summary>What a turn may be where its answer is bound by a schema.</summary>
internal static class AnswerRules
{
    /// <summary>The answer under its schema, and calls of the tools that are on.</summary>
    /// <exception cref="JsonSchemaException">The schema cannot be kept.</exception>
    internal static HarmonyRules Of(JsonElement schema, IReadOnlyList<ITool> tools) => new()
    {
        Answer = JsonSchema.Compile(schema.GetRawText()),
        Calls = [.. tools.SelectMany(CallsOf)],
    };

    // The tool says what is wrong with the arguments it gets; that they are JSON is what the header says where they are.
    private static IEnumerable<HarmonyCall> CallsOf(ITool tool)
    {
        ToolNamespace space = tool.Declaration;
        bool isBuiltIn = space.Name != ToolNamespace.FunctionsName;
        if (space.Tools.Count == 0)
            return [new HarmonyCall(space.Name) { IsBuiltIn = isBuiltIn }];
        return space.Tools.Select(function =>
            new HarmonyCall($"{space.Name}.{function.Name}", TakesText(function) ? null : JsonSchema.AnyObject) { IsBuiltIn = isBuiltIn });
    }

    private static bool TakesText(ToolDescription function) => function.Parameters is { ValueKind: JsonValueKind.Object } parameters
        && parameters.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.GetString() != "object";
}
