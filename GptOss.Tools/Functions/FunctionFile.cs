using System.Text.Json;
using System.Text.RegularExpressions;
using GptOss.Reference.Harmony;

namespace GptOss.Tools.Functions;

/// <summary>
/// Reads <c>{"tools":[{"type":"function","function":{name, description, parameters},"command":["prog","arg"],"timeout_s":30}]}</c>.
/// </summary>
internal static partial class FunctionFile
{
    private const double DefaultTimeoutSeconds = 30, LongestTimeoutSeconds = 3600;
    private const int LongestFileBytes = 4 << 20;

    /// <summary>The functions of a file, at least one.</summary>
    /// <exception cref="ToolFormatException">The file cannot be read, or breaks a rule.</exception>
    internal static IReadOnlyList<FunctionTool> Read(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(Bytes(path));
            return ReadTools(path, document.RootElement);
        }
        catch (JsonException e)
        {
            throw new ToolFormatException($"{path}: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: not JSON.", e);
        }
        catch (InvalidOperationException e)            // a string with half a surrogate pair, or bytes that are not UTF-8
        {
            throw new ToolFormatException($"{path}: a text is not valid Unicode.", e);
        }
        catch (HarmonyFormatException e)
        {
            throw new ToolFormatException($"{path}: {e.Message}", e);
        }
    }

    // No more than the limit is read, whatever length the file claims. A byte-order mark is skipped.
    private static ReadOnlyMemory<byte> Bytes(string path)
    {
        try
        {
            if (Directory.Exists(path))
                throw new ToolFormatException($"{path}: a folder; expected a file of functions.");
            using FileStream file = File.OpenRead(path);
            byte[] bytes = new byte[LongestFileBytes + 1];
            int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > LongestFileBytes)
                throw new ToolFormatException($"{path}: larger than {LongestFileBytes} bytes.");
            return bytes.AsMemory(bytes.AsSpan(0, length).StartsWith("\uFEFF"u8) ? 3.. length : ..length);
        }
        catch (FileNotFoundException e)
        {
            throw new ToolFormatException($"{path}: there is no such file.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ToolFormatException($"{path}: {e.Message}", e);
        }
    }

    private static List<FunctionTool> ReadTools(string path, JsonElement root)
    {
        if (root.ValueKind is not JsonValueKind.Object || !root.TryGetProperty("tools", out JsonElement tools)
            || tools.ValueKind is not JsonValueKind.Array)
        {
            throw new ToolFormatException($"{path}: expected an object with an array \"tools\".");
        }
        var functions = new List<FunctionTool>();
        foreach (JsonElement tool in tools.EnumerateArray())
        {
            FunctionTool function = ReadTool($"{path}: tools[{functions.Count}]", tool);
            if (functions.Exists(other => other.Name == function.Name))
                throw new ToolFormatException($"{path}: tools[{functions.Count}]: a second function \"{function.Name}\".");
            functions.Add(function);
        }
        if (functions.Count == 0)
            throw new ToolFormatException($"{path}: \"tools\" is empty; expected at least one function.");
        return functions;
    }

    private static FunctionTool ReadFunction(string at, JsonElement function, IReadOnlyList<string> command, double seconds)
    {
        string name = function.TryGetProperty("name", out JsonElement given) && given.ValueKind is JsonValueKind.String ? given.GetString()! : "";
        if (!FunctionName().IsMatch(name))
            throw new ToolFormatException($"{at}.function.name: expected a name of 1 to 64 letters, digits, underscores and hyphens.");
        string description = "";
        if (function.TryGetProperty("description", out JsonElement text) && text.ValueKind is not JsonValueKind.Null)
        {
            if (text.ValueKind is not JsonValueKind.String)
                throw new ToolFormatException($"{at}.function.description: expected a string.");
            description = text.GetString()!;
        }
        JsonElement? parameters =
            function.TryGetProperty("parameters", out JsonElement schema) && schema.ValueKind is not JsonValueKind.Null ? schema.Clone() : null;
        if (parameters is { ValueKind: not JsonValueKind.Object })
            throw new ToolFormatException($"{at}.function.parameters: expected a JSON Schema object.");
        _ = new ToolDescription(name, description, parameters);                 // throws for what a prompt cannot hold
        return new FunctionTool(name, description, parameters, command, TimeSpan.FromSeconds(seconds));
    }

    private static FunctionTool ReadTool(string at, JsonElement tool)
    {
        if (tool.ValueKind is not JsonValueKind.Object)
            throw new ToolFormatException($"{at}: expected an object.");
        if (!tool.TryGetProperty("type", out JsonElement type) || type.ValueKind is not JsonValueKind.String || type.GetString() != "function")
            throw new ToolFormatException($"{at}.type: expected \"function\".");
        if (!tool.TryGetProperty("function", out JsonElement function) || function.ValueKind is not JsonValueKind.Object)
            throw new ToolFormatException($"{at}.function: expected an object with name, description and parameters.");
        if (!tool.TryGetProperty("command", out JsonElement command) || command.ValueKind is not JsonValueKind.Array || command.GetArrayLength() == 0
            || command.EnumerateArray().Any(word => word.ValueKind is not JsonValueKind.String || word.GetString()!.Contains('\0'))
            || command[0].GetString()!.Length == 0)
        {
            throw new ToolFormatException($"{at}.command: expected a program and its arguments, [\"prog\", \"arg\"].");
        }
        double seconds = DefaultTimeoutSeconds;
        if (tool.TryGetProperty("timeout_s", out JsonElement timeout)
            && !(timeout.ValueKind is JsonValueKind.Number && (seconds = timeout.GetDouble()) > 0 && seconds <= LongestTimeoutSeconds))
        {
            throw new ToolFormatException($"{at}.timeout_s: expected seconds, above 0 and at most {LongestTimeoutSeconds}.");
        }
        return ReadFunction(at, function, [.. command.EnumerateArray().Select(word => word.GetString()!)], seconds);
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,64}\z")]
    private static partial Regex FunctionName();
}
