using GptOss.Reference.Harmony;

namespace GptOss.Reference.Tests.Chat;

/// <summary>A tool that answers as a test says.</summary>
internal sealed class ScriptedTool(ToolNamespace declaration, Func<string, string, CancellationToken, Task<string>> answer) : ITool
{
    internal List<string> Calls { get; } = [];

    public ToolNamespace Declaration => declaration;

    public async Task<IReadOnlyList<ToolAnswer>> InvokeAsync(string recipient, string content, CancellationToken cancellation)
    {
        Calls.Add(content);
        return [new ToolAnswer(recipient, await answer(recipient, content, cancellation))];
    }

    /// <summary>The weather function that the toy was trained with.</summary>
    internal static ScriptedTool Weather(Func<string, string> answer) => Weather((content, _) => Task.FromResult(answer(content)));

    internal static ScriptedTool Weather(Func<string, CancellationToken, Task<string>> answer) => new(
        new ToolNamespace("functions", null,
        [
            new ToolDescription("get_current_weather", "Gets the current weather in the provided location.", System.Text.Json.JsonElement.Parse(
                """
                {"type": "object", "properties": {
                  "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                  "format": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}}, "required": ["location"]}
                """)),
        ]), (_, content, cancellation) => answer(content, cancellation));

    /// <summary>The interpreter that the toy was trained with; runs nothing.</summary>
    internal static ScriptedTool Python(Func<string, string> answer) => new(BuiltInTools.Python, (_, content, _) => Task.FromResult(answer(content)));
}
