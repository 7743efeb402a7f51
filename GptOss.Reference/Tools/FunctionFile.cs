using System.Text.Json;
using System.Text.RegularExpressions;

namespace GptOss.Reference.Tools;

/// <summary>A function of the user's own: what the model is told, and the program that answers.</summary>
/// <param name="Name">The name without the namespace.</param>
/// <param name="Description">What it does.</param>
/// <param name="Parameters">A JSON Schema; null for none.</param>
/// <param name="Command">The program and its arguments; no shell sees them.</param>
/// <param name="Timeout">After this the program is stopped.</param>
public sealed record FunctionTool(string Name, string Description, JsonElement? Parameters, IReadOnlyList<string> Command, TimeSpan Timeout);

/// <summary>Reads <c>{"tools":[{"type":"function","function":{name, description, parameters},"command":["prog","arg"],"timeout_s":30}]}</c>.</summary>
internal static partial class FunctionFile
{
    private const double DefaultTimeoutSeconds = 30, LongestTimeoutSeconds = 3600;
    private const int LongestFileBytes = 4 << 20;

    internal static IReadOnlyList<FunctionTool> Read(string path)
    {
        byte[] bytes;
        try
        {
            if (new FileInfo(path).Length > LongestFileBytes) throw new ToolFormatException($"{path}: larger than {LongestFileBytes} bytes.");
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolFormatException($"{path}: {e.Message}", e);
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes.AsMemory(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0));
            return ReadTools(path, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or Harmony.HarmonyFormatException)
        {
            throw new ToolFormatException($"{path}: not JSON in UTF-8: {e.Message}", e);
        }
    }

    private static List<FunctionTool> ReadTools(string path, JsonElement root)
    {
        if (root.ValueKind is not JsonValueKind.Object || !root.TryGetProperty("tools", out JsonElement tools) || tools.ValueKind is not JsonValueKind.Array)
            throw new ToolFormatException($"{path}: expected an object with an array \"tools\".");
        var functions = new List<FunctionTool>();
        foreach (JsonElement tool in tools.EnumerateArray())
        {
            FunctionTool function = ReadTool($"{path}: tools[{functions.Count}]", tool);
            if (functions.Exists(other => other.Name == function.Name)) throw new ToolFormatException($"{path}: tools[{functions.Count}]: a second function \"{function.Name}\".");
            functions.Add(function);
        }
        return functions;
    }

    private static FunctionTool ReadFunction(string at, JsonElement function, IReadOnlyList<string> command, double seconds)
    {
        string name = function.TryGetProperty("name", out JsonElement given) && given.ValueKind is JsonValueKind.String ? given.GetString()! : "";
        if (!FunctionName().IsMatch(name)) throw new ToolFormatException($"{at}.function.name: expected a name of letters, digits, underscores and hyphens.");
        string description = function.TryGetProperty("description", out JsonElement text) && text.ValueKind is JsonValueKind.String ? text.GetString()! : "";
        JsonElement? parameters = function.TryGetProperty("parameters", out JsonElement schema) && schema.ValueKind is not JsonValueKind.Null ? schema.Clone() : null;
        if (parameters is { ValueKind: not JsonValueKind.Object }) throw new ToolFormatException($"{at}.function.parameters: expected a JSON Schema object.");
        _ = new Harmony.ToolDescription(name, description, parameters);          // says what the prompt cannot hold
        return new FunctionTool(name, description, parameters, command, TimeSpan.FromSeconds(seconds));
    }

    private static FunctionTool ReadTool(string at, JsonElement tool)
    {
        if (tool.ValueKind is not JsonValueKind.Object) throw new ToolFormatException($"{at}: expected an object.");
        if (!tool.TryGetProperty("type", out JsonElement type) || type.ValueKind is not JsonValueKind.String || type.GetString() != "function")
            throw new ToolFormatException($"{at}.type: expected \"function\".");
        if (!tool.TryGetProperty("function", out JsonElement function) || function.ValueKind is not JsonValueKind.Object)
            throw new ToolFormatException($"{at}.function: expected an object with name, description and parameters.");
        if (!tool.TryGetProperty("command", out JsonElement command) || command.ValueKind is not JsonValueKind.Array || command.GetArrayLength() == 0
            || command.EnumerateArray().Any(word => word.ValueKind is not JsonValueKind.String || word.GetString()!.Contains('\0'))
            || command[0].GetString()!.Length == 0)
            throw new ToolFormatException($"{at}.command: expected a program and its arguments, [\"prog\", \"arg\"].");
        double seconds = DefaultTimeoutSeconds;
        if (tool.TryGetProperty("timeout_s", out JsonElement timeout)
            && !(timeout.ValueKind is JsonValueKind.Number && (seconds = timeout.GetDouble()) > 0 && seconds <= LongestTimeoutSeconds))
            throw new ToolFormatException($"{at}.timeout_s: expected seconds, above 0 and at most {LongestTimeoutSeconds}.");
        return ReadFunction(at, function, [.. command.EnumerateArray().Select(word => word.GetString()!)], seconds);
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex FunctionName();
}
