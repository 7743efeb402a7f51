using System.Runtime.CompilerServices;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Whether a value is valid for a schema: what is left of an enumeration beside other keywords.</summary>
internal sealed class Validator(SchemaDocument document, Strings strings, Work work)
{
    private readonly Dictionary<(Schema, string), ValueSet> _listed = [];

    internal bool IsValid(JsonElement value, Rule rule) => IsValid(value, rule.Schema) == rule.Holds;

    private bool IsValid(JsonElement value, Schema schema)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        work.Spend(4);
        if (schema.Json.ValueKind != JsonValueKind.Object)
            return schema.Json.ValueKind == JsonValueKind.True;
        foreach (JsonProperty member in schema.Json.EnumerateObject())
        {
            if (!Keeps(value, schema, member.Name))
                return false;
        }
        return true;
    }

    private bool Keeps(JsonElement value, Schema schema, string keyword) => keyword switch
    {
        "type" => IsOfType(value, schema),
        "enum" or "const" => Listed(schema, keyword).Contains(value),
        "$ref" => IsValid(value, document.Resolve(schema, KeywordReader.Text(schema, keyword))),
        "allOf" => document.Children(schema, keyword).TrueForAll(part => IsValid(value, part)),
        "anyOf" => document.Children(schema, keyword).Exists(part => IsValid(value, part)),
        "oneOf" => document.Children(schema, keyword).Count(part => IsValid(value, part)) == 1,
        "not" => !IsValid(value, document.Child(schema, keyword)),
        "if" => (IsValid(value, document.Child(schema, keyword)) ? "then" : "else") is var branch
            && (schema.Find(branch) is null || IsValid(value, document.Child(schema, branch))),
        "$dynamicRef" or "$recursiveRef" => throw new SchemaRefusal(schema.Path, keyword, "is not supported"),
        _ => value.ValueKind switch
        {
            JsonValueKind.Number => KeepsNumber(ExactDecimal.Parse(value.GetRawText()), schema, keyword),
            JsonValueKind.String => KeepsString(value.GetString()!, schema, keyword),
            JsonValueKind.Array => KeepsArray(value, schema, keyword),
            JsonValueKind.Object => KeepsObject(value, schema, keyword),
            _ => true,
        },
    };

    private ValueSet Listed(Schema schema, string keyword)
    {
        if (!_listed.TryGetValue((schema, keyword), out ValueSet? values))
            values = _listed[(schema, keyword)] = ValueSet.Of(KeywordReader.Values(schema, keyword), work);
        return values;
    }

    private static bool IsOfType(JsonElement value, Schema schema)
    {
        (Kinds kinds, bool onlyIntegers) = KeywordReader.Types(schema);
        return value.ValueKind switch
        {
            JsonValueKind.Null => kinds.HasFlag(Kinds.Null),
            JsonValueKind.True or JsonValueKind.False => kinds.HasFlag(Kinds.Boolean),
            JsonValueKind.String => kinds.HasFlag(Kinds.String),
            JsonValueKind.Array => kinds.HasFlag(Kinds.Array),
            JsonValueKind.Object => kinds.HasFlag(Kinds.Object),
            _ => kinds.HasFlag(Kinds.Number) && (!onlyIntegers || ExactDecimal.Parse(value.GetRawText()).IsInteger),
        };
    }

    private static bool KeepsNumber(ExactDecimal number, Schema schema, string keyword) => keyword switch
    {
        "minimum" =>
            number.CompareTo(KeywordReader.Number(schema, keyword)) is var order
                && (order > 0 || (order == 0 && schema.Find("exclusiveMinimum") is not { ValueKind: JsonValueKind.True })),
        "maximum" =>
            number.CompareTo(KeywordReader.Number(schema, keyword)) is var order
                && (order < 0 || (order == 0 && schema.Find("exclusiveMaximum") is not { ValueKind: JsonValueKind.True })),
        "exclusiveMinimum" => schema.Find(keyword) is { ValueKind: JsonValueKind.True or JsonValueKind.False }
            || number.CompareTo(KeywordReader.Number(schema, keyword)) > 0,
        "exclusiveMaximum" => schema.Find(keyword) is { ValueKind: JsonValueKind.True or JsonValueKind.False }
            || number.CompareTo(KeywordReader.Number(schema, keyword)) < 0,
        "multipleOf" => new NumberRange { Step = KeywordReader.Number(schema, keyword) }.Contains(number),
        _ => true,
    };

    private bool KeepsString(string text, Schema schema, string keyword) => keyword switch
    {
        "minLength" => text.EnumerateRunes().Count() >= KeywordReader.Most(schema, keyword),
        "maxLength" => text.EnumerateRunes().Count() <= KeywordReader.Most(schema, keyword),
        "pattern" => strings.IsFound(KeywordReader.Text(schema, keyword), schema, keyword, text),
        "format" when schema.Find(keyword) is { ValueKind: JsonValueKind.String } name && Formats.Pattern(name.GetString()!) is { } pattern =>
            strings.IsFound(pattern, schema, keyword, text) && text.Length <= Formats.MaxLength(name.GetString()!),
        "contentSchema" => throw new SchemaRefusal(schema.Path, keyword, "is not supported"),
        _ => true,
    };

    private bool KeepsArray(JsonElement array, Schema schema, string keyword)
    {
        int length = array.GetArrayLength();
        switch (keyword)
        {
            case "minItems": return length >= KeywordReader.Most(schema, keyword);
            case "maxItems": return length <= KeywordReader.Most(schema, keyword);
            case "uniqueItems": return !KeywordReader.Flag(schema, keyword) || AreDifferent([.. array.EnumerateArray()]);
            case "prefixItems": return KeepsItems(array, document.Children(schema, keyword));
            case "items"
                when schema.Find(keyword) is { ValueKind: JsonValueKind.Array }: return KeepsItems(array, document.Children(schema, keyword));
            case "items":
                int first = schema.Find("prefixItems") is { ValueKind: JsonValueKind.Array } list ? list.GetArrayLength() : 0;
                return array.EnumerateArray().Skip(first).All(item => IsValid(item, document.Child(schema, keyword)));
            case "additionalItems" when schema.Find("items") is { ValueKind: JsonValueKind.Array } items:
                return array.EnumerateArray().Skip(items.GetArrayLength()).All(item => IsValid(item, document.Child(schema, keyword)));
            case "contains" or "unevaluatedItems": throw new SchemaRefusal(schema.Path, keyword, "is not supported");
            default: return true;
        }
    }

    private bool KeepsObject(JsonElement value, Schema schema, string keyword)
    {
        List<JsonProperty> members = [.. value.EnumerateObject()];
        switch (keyword)
        {
            case "minProperties": return members.Count >= KeywordReader.Most(schema, keyword);
            case "maxProperties": return members.Count <= KeywordReader.Most(schema, keyword);
            case "required": return KeywordReader.Texts(schema, keyword).TrueForAll(key => value.TryGetProperty(key, out _));
            case "properties": return document.Members(schema, keyword)
                .All(rule => !value.TryGetProperty(rule.Key, out JsonElement member) || IsValid(member, rule.Value));
            case "patternProperties":
                return document.Members(schema, keyword).All(rule => members.TrueForAll(member =>
                    !strings.IsFound(rule.Key, schema, keyword, member.Name) || IsValid(member.Value, rule.Value)));
            case "additionalProperties":
                var known = new Branch { RestKeys = { ([schema], new Rule(document.Child(schema, keyword))) } };
                return members.TrueForAll(member =>
                    KeyRules.Of(known, member.Name, document, strings).TrueForAll(rule => IsValid(member.Value, rule)));
            case "propertyNames":
                return members.TrueForAll(member => IsValid(JsonElement.Parse(JsonText.Quoted(member.Name)), document.Child(schema, keyword)));
            case "dependentRequired" or "dependentSchemas" or "dependencies":
                return schema.Json.GetProperty(keyword).EnumerateObject().All(rule => !value.TryGetProperty(rule.Name, out _)
                    || (rule.Value.ValueKind == JsonValueKind.Array ? KeywordReader.Texts(schema, keyword, rule.Value)
                        .TrueForAll(key => value.TryGetProperty(key, out _))
                        : IsValid(value, document.Member(schema, keyword, rule.Name))));
            case "unevaluatedProperties": throw new SchemaRefusal(schema.Path, keyword, "is not supported beside enumerated objects");
            default: return true;
        }
    }

    private bool KeepsItems(JsonElement array, List<Schema> items)
    {
        for (int i = 0; i < Math.Min(items.Count, array.GetArrayLength()); i++)
        {
            if (!IsValid(array[i], items[i]))
                return false;
        }
        return true;
    }

    private bool AreDifferent(List<JsonElement> items) => items.TrueForAll(new ValueSet(work).Add);
}
