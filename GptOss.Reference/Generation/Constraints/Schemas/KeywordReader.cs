using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Reads the values of keywords, and refuses what is none.</summary>
internal static class KeywordReader
{
    /// <summary>The largest number that something must be counted to before a value may end.</summary>
    private const int MostCounted = 100_000;

    /// <summary>A least count.</summary>
    internal static int Least(Schema schema, string keyword)
    {
        int count = Most(schema, keyword);
        return count <= MostCounted ? count : throw new SchemaRefusal(schema.Path, keyword, $"is above {MostCounted}");
    }

    /// <summary>A greatest count; one beyond all counting is no bound.</summary>
    internal static int Most(Schema schema, string keyword)
    {
        if (schema.Find(keyword) is not { ValueKind: JsonValueKind.Number } json)
            throw new SchemaRefusal(schema.Path, keyword, "is not a number");
        var number = ExactDecimal.Parse(json.GetRawText());
        if (number.IsNegative || !number.IsInteger)
            throw new SchemaRefusal(schema.Path, keyword, "is not a whole number of at least 0");
        return number.WholeDigits > 9 ? int.MaxValue : int.Parse(number.ToString(), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>A number without rounding.</summary>
    internal static ExactDecimal Number(Schema schema, string keyword) =>
        schema.Find(keyword) is { ValueKind: JsonValueKind.Number } json ? ExactDecimal.Parse(json.GetRawText())
        : throw new SchemaRefusal(schema.Path, keyword, "is not a number");

    /// <summary>A text.</summary>
    internal static string Text(Schema schema, string keyword) =>
        schema.Find(keyword) is { ValueKind: JsonValueKind.String } json
            ? json.GetString()!
            : throw new SchemaRefusal(schema.Path, keyword, "is not a string");

    /// <summary>A list of texts.</summary>
    internal static List<string> Texts(Schema schema, string keyword) => Texts(schema, keyword, schema.Json.GetProperty(keyword));

    /// <summary>A list of texts somewhere in a keyword's value.</summary>
    internal static List<string> Texts(Schema schema, string keyword, JsonElement list) =>
        list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. list.EnumerateArray().Select(item => item.GetString()!)]
            : throw new SchemaRefusal(schema.Path, keyword, "is not a list of strings");

    /// <summary>A boolean.</summary>
    internal static bool Flag(Schema schema, string keyword) =>
        schema.Json.GetProperty(keyword) is { ValueKind: JsonValueKind.True or JsonValueKind.False } json
        ? json.GetBoolean() : throw new SchemaRefusal(schema.Path, keyword, "is not true or false");

    /// <summary>The values of enum, or the one of const.</summary>
    internal static IEnumerable<JsonElement> Values(Schema schema, string keyword)
    {
        JsonElement json = schema.Json.GetProperty(keyword);
        if (keyword == "const")
            return [json];
        return json.ValueKind == JsonValueKind.Array ? json.EnumerateArray() : throw new SchemaRefusal(schema.Path, keyword, "is not a list");
    }

    /// <summary>The kinds that <c>type</c> names, and whether numbers are integers.</summary>
    internal static (Kinds Kinds, bool OnlyIntegers) Types(Schema schema)
    {
        JsonElement json = schema.Json.GetProperty("type");
        List<string> names = json.ValueKind == JsonValueKind.String ? [json.GetString()!] : Texts(schema, "type");
        var kinds = Kinds.None;
        foreach (string name in names)
        {
            kinds |= name switch
            {
                "null" => Kinds.Null,
                "boolean" => Kinds.Boolean,
                "integer" or "number" => Kinds.Number,
                "string" => Kinds.String,
                "array" => Kinds.Array,
                "object" => Kinds.Object,
                _ => throw new SchemaRefusal(schema.Path, "type", "names a type that JSON Schema does not have"),
            };
        }

        return (kinds, names.Contains("integer") && !names.Contains("number"));
    }
}
