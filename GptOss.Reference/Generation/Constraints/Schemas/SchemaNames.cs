using System.Text.Json;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>The identifiers and anchors of a document. Made when the first reference by name is met, which few documents have.</summary>
internal sealed class SchemaNames
{
    private static readonly Uri NoBase = new("http://localhost.invalid/");
    private static readonly string[] One =
    [
        "additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties",
    ];

    private static readonly string[] Listed = ["allOf", "anyOf", "items", "oneOf", "prefixItems"];
    private static readonly string[] Named = ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"];

    private readonly SchemaDocument _document;
    private readonly Dictionary<string, Schema> _byUri = [];
    private readonly Dictionary<Schema, Uri> _uris = [];
    private readonly Dictionary<(Schema, string), Schema> _anchors = [];

    internal SchemaNames(SchemaDocument document)
    {
        _document = document;
        Collect(document.Root);
    }

    /// <summary>The schema whose identifier a reference without fragment is.</summary>
    internal Schema? Find(Schema from, string reference) =>
        Uri.TryCreate(_uris[from.Resource], reference, out Uri? uri) ? _byUri.GetValueOrDefault(uri.AbsoluteUri) : null;

    /// <summary>The schema with an anchor in a resource.</summary>
    internal Schema? Anchor(Schema resource, string name) => _anchors.GetValueOrDefault((resource, name));

    private void Collect(Schema schema)
    {
        if (schema.Json.ValueKind != JsonValueKind.Object)
            return;
        if (schema.Resource == schema)
        {
            Uri around = schema.Around is { } resource ? _uris[resource] : NoBase;
            Uri uri = schema.Identifier is { } id && Uri.TryCreate(around, id, out Uri? own) ? own : around;
            _uris[schema] = uri;
            _byUri.TryAdd(uri.GetLeftPart(UriPartial.Query), schema);
        }

        foreach (string keyword in (ReadOnlySpan<string>)["$anchor", "$dynamicAnchor", "$id"])
        {
            if (schema.Find(keyword) is not { ValueKind: JsonValueKind.String } anchor)
                continue;
            string name = anchor.GetString()!;
            if (keyword != "$id")
                _anchors.TryAdd((schema.Resource, name), schema);
            else if (name is ['#', ..])
                _anchors.TryAdd((schema.Resource, name[1..]), schema);
        }

        foreach (string keyword in One)
        {
            if (schema.Find(keyword) is { ValueKind: JsonValueKind.Object })
                Collect(_document.Child(schema, keyword));
        }
        foreach (string keyword in Listed)
        {
            if (schema.Find(keyword) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(IsSchema))
            {
                _document.Children(schema,
                keyword).ForEach(Collect);
            }
        }
        foreach (string keyword in Named)
        {
            if (schema.Find(keyword) is not { ValueKind: JsonValueKind.Object } members
                || !members.EnumerateObject().All(member => IsSchema(member.Value)))
            {
                continue;
            }

            foreach (Schema member in _document.Members(schema, keyword).Values)
                Collect(member);
        }
    }

    private static bool IsSchema(JsonElement json) => json.ValueKind is JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False;
}
