using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GptOss.Reference.Ground;

/// <summary>JSON as Python's json module prints it: ASCII only, and numbers as they were spelled.</summary>
internal static class PythonJson
{
    /// <summary>The value as <c>json.dump(value, indent=2)</c> prints it; no newline at the end.</summary>
    internal static string Indented(JsonElement value)
    {
        var text = new StringBuilder();
        Append(text, value, "\n");
        return text.ToString();
    }

    /// <summary>Appends a string in quotes.</summary>
    internal static void AppendString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (char c in value)
        {
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\f' => "\\f",
                '\b' => "\\b",
                < ' ' or > '~' and not '\u007f' => string.Create(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => c.ToString(),
            });
        }
        text.Append('"');
    }

    private static void Append(StringBuilder text, JsonElement value, string newLine)
    {
        string inner = newLine + "  ", separator = inner;
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when value.EnumerateObject().Any():
                text.Append('{');
                foreach (JsonProperty property in value.EnumerateObject())
                {
                    text.Append(separator);
                    AppendString(text, property.Name);
                    text.Append(": ");
                    Append(text, property.Value, inner);
                    separator = "," + inner;
                }
                text.Append(newLine).Append('}');
                break;
            case JsonValueKind.Array when value.GetArrayLength() > 0:
                text.Append('[');
                foreach (JsonElement element in value.EnumerateArray())
                {
                    text.Append(separator);
                    Append(text, element, inner);
                    separator = "," + inner;
                }
                text.Append(newLine).Append(']');
                break;
            case JsonValueKind.Object:
                text.Append("{}");
                break;
            case JsonValueKind.Array:
                text.Append("[]");
                break;
            case JsonValueKind.String:
                AppendString(text, value.GetString()!);
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }
}
