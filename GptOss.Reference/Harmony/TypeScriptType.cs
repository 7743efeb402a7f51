using System.Text;
using System.Text.Json;

namespace GptOss.Reference.Harmony;

/// <summary>A JSON Schema as the TypeScript-like type that the model was trained to read, with every oddity of the published renderer.</summary>
/// <remarks>
/// Properties come in the order of the document. Closing braces keep their object's indent, descriptions are not split into lines, and
/// what has no rule is <c>any</c>. Source: <c>openai/harmony</c>, <c>src/encoding.rs</c>, <c>json_schema_to_typescript</c>.
/// </remarks>
internal static class TypeScriptType
{
    /// <summary>The type of <paramref name="schema"/>, whose spelling is <see cref="CompactJson.Canonical"/>.</summary>
    /// <param name="schema">Any JSON value; what is not an object is <c>any</c>.</param>
    /// <param name="indent">Spaces before every further line.</param>
    internal static string Of(JsonElement schema, string indent = "")
    {
        if (Get(schema, "oneOf") is { ValueKind: JsonValueKind.Array } variants) return OneOf(variants, indent);
        JsonElement? type = Get(schema, "type");
        if (type is { ValueKind: JsonValueKind.Array } types)
        {
            string joined = string.Join(" | ", Strings(types).Select(name => name == "integer" ? "number" : name));
            if (Strings(types).Any()) return joined;
        }

        return String(type) switch
        {
            "object" => Object(schema, indent),
            "string" => Enum(schema) ?? "string",
            "number" or "integer" => "number",
            "boolean" => "boolean",
            "array" => Get(schema, "items") is { } items ? Of(items, indent) + "[]" : "Array<any>",
            _ => "any",
        };
    }

    // oneOf anywhere but in a property: every variant on a line of its own
    private static string OneOf(JsonElement variants, string indent)
    {
        var text = new StringBuilder();
        foreach (JsonElement variant in variants.EnumerateArray())
        {
            text.Append('\n').Append(indent).Append(" | ").Append(Nullable(variant, Of(variant, indent + "   ")));

            // Here the default of an enum stays in JSON's quotes; everywhere else it is bare.
            string? value = Get(variant, "default") is { } given ? IsQuoted(variant, given) ? $"\"{String(given)}\"" : given.GetRawText() : null;
            AppendComments(text, String(Get(variant, "description")), value);
        }

        return text.ToString();
    }

    private static string Object(JsonElement schema, string indent)
    {
        var text = new StringBuilder();
        AppendComment(text, indent, String(Get(schema, "description")));
        text.Append("{\n");
        if (Get(schema, "properties") is { ValueKind: JsonValueKind.Object } properties)
        {
            HashSet<string> required = Get(schema, "required") is { ValueKind: JsonValueKind.Array } names ? [.. Strings(names)] : [];
            foreach (JsonProperty property in properties.EnumerateObject())
                AppendProperty(text, indent, property.Name + (required.Contains(property.Name) ? "" : "?"), property.Value);
        }

        return text.Append(indent).Append('}').ToString();
    }

    private static void AppendProperty(StringBuilder text, string indent, string key, JsonElement schema)
    {
        bool hasOneOf = Get(schema, "oneOf") is not null;
        if (String(Get(schema, "title")) is { } title) text.Append(indent).Append("// ").Append(title).Append('\n').Append(indent).Append("//\n");
        if (!hasOneOf) AppendComment(text, indent, String(Get(schema, "description")));
        if (Get(schema, "examples") is { ValueKind: JsonValueKind.Array } examples && examples.GetArrayLength() > 0)
        {
            AppendComment(text, indent, "Examples:");
            foreach (string example in Strings(examples)) AppendComment(text, indent, $"- \"{example}\"");
        }

        if (Get(schema, "oneOf") is { ValueKind: JsonValueKind.Array } variants)
        {
            AppendOneOf(text, indent, key, schema, variants);
            return;
        }

        text.Append(indent).Append(key).Append(": ").Append(Nullable(schema, Of(schema, indent + "    "))).Append(',');
        if (!hasOneOf && Default(schema) is { } value) text.Append(" // default: ").Append(value);
        text.Append('\n');
    }

    // oneOf in a property: its description is printed once, above or beside the first variant
    private static void AppendOneOf(StringBuilder text, string indent, string key, JsonElement schema, JsonElement variants)
    {
        string? description = String(Get(schema, "description"));
        bool isFirstVariants = variants.GetArrayLength() > 0 && description is not null && String(Get(variants[0], "description")) == description;
        bool isAbove = description is not null && !isFirstVariants;
        if (isAbove) AppendComment(text, indent, description);
        if (Default(schema) is { } value) AppendComment(text, indent, "default: " + value);
        text.Append(indent).Append(key).Append(":\n");
        int index = 0;
        foreach (JsonElement variant in variants.EnumerateArray())
        {
            text.Append(indent).Append(" | ").Append(Nullable(variant, Of(variant, indent + "   ")));
            string? comment = String(Get(variant, "description"));
            if ((index++ == 0 && isAbove) || comment == description) comment = null;
            AppendComments(text, comment, Default(variant));
            text.Append('\n');
        }

        text.Append(indent).Append(",\n");
    }

    private static void AppendComment(StringBuilder text, string indent, string? comment)
    {
        if (comment is not null) text.Append(indent).Append("// ").Append(comment).Append('\n');
    }

    private static void AppendComments(StringBuilder text, string? description, string? value)
    {
        if (description is null && value is null) return;
        text.Append(" // ").AppendJoin(' ', ((string?[])[description, value is null ? null : "default: " + value]).Where(part => part is not null));
    }

    private static string Nullable(JsonElement schema, string type) =>
        Get(schema, "nullable") is { ValueKind: JsonValueKind.True } && !type.Contains("null", StringComparison.Ordinal) ? type + " | null" : type;

    // A string in quotes that escape nothing, a string of an enum bare, anything else as JSON.
    private static string? Default(JsonElement schema) =>
        Get(schema, "default") is not { } value ? null :
        String(value) is not { } text ? value.GetRawText() :
        IsQuoted(schema, value) ? $"\"{text}\"" : text;

    private static bool IsQuoted(JsonElement schema, JsonElement value) =>
        value.ValueKind == JsonValueKind.String &&
        !(Get(schema, "enum") is { ValueKind: JsonValueKind.Array } options && options.GetArrayLength() > 0);

    private static string? Enum(JsonElement schema) =>
        Get(schema, "enum") is { ValueKind: JsonValueKind.Array } options && Strings(options).Any()
            ? string.Join(" | ", Strings(options).Select(option => $"\"{option}\""))
            : null;

    private static IEnumerable<string> Strings(JsonElement array) =>
        array.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!);

    private static string? String(JsonElement? value) => value is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static JsonElement? Get(JsonElement schema, string key) =>
        schema.ValueKind == JsonValueKind.Object && schema.TryGetProperty(key, out JsonElement value) ? value : null;
}
