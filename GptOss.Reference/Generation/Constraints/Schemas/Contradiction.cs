using System.Text.Json;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Says why no value is valid for a schema, where two bounds of one subschema exclude each other.</summary>
internal static class Contradiction
{
    private static readonly (string Least, string Most)[] Bounds =
    [
        ("minimum", "maximum"), ("minimum", "exclusiveMaximum"), ("exclusiveMinimum", "maximum"), ("exclusiveMinimum", "exclusiveMaximum"),
        ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"),
    ];

    /// <summary>The refusal of a document for which no value is valid, with the nearest reason that is known.</summary>
    /// <param name="subschemas">Those that were read.</param>
    internal static SchemaRefusal Of(IEnumerable<Schema> subschemas)
    {
        foreach (Schema schema in subschemas.OrderBy(schema => schema.Id))
        {
            foreach ((string least, string most) in Bounds)
            {
                bool isOpen = least.StartsWith("exclusive", StringComparison.Ordinal) || most.StartsWith("exclusive", StringComparison.Ordinal);
                if (Number(schema, least) is not { } from || Number(schema, most) is not { } to || !(from > to || (isOpen && from == to)))
                    continue;
                string reason = $"is {schema.Json.GetProperty(least)} and '{most}' is {schema.Json.GetProperty(most)}, so no value is valid";
                return new SchemaRefusal(schema.Path, least, reason, isUnsatisfiable: true);
            }
        }

        return new SchemaRefusal("#", null, "no value is valid for this schema", isUnsatisfiable: true);
    }

    private static double? Number(Schema schema, string keyword) => schema.Json.ValueKind == JsonValueKind.Object
        && schema.Json.TryGetProperty(keyword, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}
