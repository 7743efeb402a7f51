using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>What a schema's keywords ask of a value: facts, further rules, and choices.</summary>
internal sealed class Keywords(SchemaDocument document, Exclusion exclusion, Work work)
{
    internal static readonly ExactDecimal One = ExactDecimal.Parse("1");

    /// <summary>Enters a schema that holds into a branch.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="branch">Where its facts go.</param>
    /// <param name="rules">Where further rules go that hold then.</param>
    /// <param name="choices">Where choices go, of each of which one option must hold.</param>
    internal void Apply(Schema schema, Branch branch, Queue<Rule> rules, List<List<Option>> choices)
    {
        if (schema.IsFalse)
            branch.Kinds = Kinds.None;
        if (schema.Json.ValueKind != JsonValueKind.Object)
            return;
        foreach (JsonProperty member in schema.Json.EnumerateObject())
        {
            if (!ApplyScalar(schema, member.Name, branch) && !ApplyContainer(schema, member.Name, branch, choices))
                ApplyComposition(schema, member.Name, rules, choices);
        }
    }

    private bool ApplyScalar(Schema schema, string keyword, Branch branch)
    {
        switch (keyword)
        {
            case "type":
                (Kinds kinds, bool onlyIntegers) = KeywordReader.Types(schema);
                branch.Kinds &= kinds;
                if (onlyIntegers)
                    Step(schema, branch, One);
                return true;
            case "enum" or "const":
                branch.RestrictTo(KeywordReader.Values(schema, keyword), work);
                return true;
            case "minimum":
                branch.Range = branch.Range.AtLeast(KeywordReader.Number(schema, keyword),
                    schema.Find("exclusiveMinimum") is { ValueKind: JsonValueKind.True });
                return true;
            case "maximum":
                branch.Range =
                    branch.Range.AtMost(KeywordReader.Number(schema, keyword), schema.Find("exclusiveMaximum") is { ValueKind: JsonValueKind.True });
                return true;
            case "exclusiveMinimum" when !IsFlag(schema, keyword):
                branch.Range = branch.Range.AtLeast(KeywordReader.Number(schema, keyword), true);
                return true;
            case "exclusiveMaximum" when !IsFlag(schema, keyword):
                branch.Range = branch.Range.AtMost(KeywordReader.Number(schema, keyword), true);
                return true;
            case "multipleOf":
                Step(schema, branch, KeywordReader.Number(schema, keyword));
                return true;
            case "minLength":
                branch.LeastLength = Math.Max(branch.LeastLength, KeywordReader.Least(schema, keyword));
                return true;
            case "maxLength":
                branch.MostLength = Math.Min(branch.MostLength, KeywordReader.Most(schema, keyword));
                return true;
            case "pattern":
                branch.Patterns.Add(new(KeywordReader.Text(schema, keyword), true, schema, keyword));
                return true;
            case "format" when schema.Find(keyword) is { ValueKind: JsonValueKind.String } name && Formats.Pattern(name.GetString()!) is { } pattern:
                branch.Patterns.Add(new(pattern, true, schema, keyword));
                branch.MostLength = Math.Min(branch.MostLength, Formats.MaxLength(name.GetString()!));
                return true;
            case "contentSchema":
                branch.Unsupported.Add((Kinds.String, schema, keyword, "is not supported"));
                return true;
            default:
                return false;
        }
    }

    private bool ApplyContainer(Schema schema, string keyword, Branch branch, List<List<Option>> choices)
    {
        switch (keyword)
        {
            case "minItems":
                branch.LeastItems = Math.Max(branch.LeastItems, KeywordReader.Least(schema, keyword));
                return true;
            case "maxItems":
                branch.MostItems = Math.Min(branch.MostItems, KeywordReader.Most(schema, keyword));
                return true;
            case "uniqueItems":
                branch.HasUniqueItems |= KeywordReader.Flag(schema, keyword);
                return true;
            case "prefixItems":
                branch.ItemLists.Add((schema, keyword));
                return true;
            case "items" when schema.Find(keyword) is { ValueKind: JsonValueKind.Array }:
                branch.ItemLists.Add((schema, keyword));
                return true;
            case "items":
                branch.RestItems.Add((schema.Find("prefixItems") is { ValueKind: JsonValueKind.Array } first ? first.GetArrayLength() : 0,
                    new Rule(document.Child(schema, keyword))));
                return true;
            case "additionalItems" when schema.Find("items") is { ValueKind: JsonValueKind.Array } listed:
                branch.RestItems.Add((listed.GetArrayLength(), new Rule(document.Child(schema, keyword))));
                return true;
            case "contains" or "unevaluatedItems":
                if (keyword != "contains" && document.Child(schema, keyword).IsTrue)
                    return true;
                branch.Unsupported.Add((Kinds.Array, schema, keyword, "is not supported"));
                return true;
            case "minProperties":
                branch.LeastKeys = Math.Max(branch.LeastKeys, KeywordReader.Least(schema, keyword));
                return true;
            case "maxProperties":
                branch.MostKeys = Math.Min(branch.MostKeys, KeywordReader.Most(schema, keyword));
                return true;
            case "required":
                foreach (string key in KeywordReader.Texts(schema, keyword))
                    branch.Required.TryAdd(key, true);
                return true;
            case "properties" or "patternProperties":
                _ = document.Members(schema, keyword);
                if (!branch.KeyRules.Contains(schema))
                    branch.KeyRules.Add(schema);
                return true;
            case "additionalProperties":
                if (document.Child(schema, keyword) is { IsTrue: false } rest)
                    branch.RestKeys.Add(([schema], new Rule(rest)));
                return true;
            case "unevaluatedProperties":
                ApplyUnevaluated(schema, branch);
                return true;
            case "propertyNames":
                branch.NameRules.Add(new Rule(document.Child(schema, keyword)));
                return true;
            case "dependentRequired" or "dependentSchemas" or "dependencies":
                choices.AddRange(Dependents(schema, keyword));
                return true;
            default:
                return false;
        }
    }

    private void ApplyComposition(Schema schema, string keyword, Queue<Rule> rules, List<List<Option>> choices)
    {
        switch (keyword)
        {
            case "$ref":
                rules.Enqueue(new Rule(document.Resolve(schema, KeywordReader.Text(schema, keyword))));
                break;
            case "allOf":
                foreach (Schema part in document.Children(schema, keyword))
                    rules.Enqueue(new Rule(part));
                break;
            case "anyOf":
                choices.Add([.. document.Children(schema, keyword).Select(part => new Option(null, new Rule(part)))]);
                break;
            case "oneOf":
                choices.Add(exclusion.OneOf(schema, document.Children(schema, keyword)));
                break;
            case "not":
                rules.Enqueue(new Rule(document.Child(schema, keyword), Holds: false));
                break;
            case "if" when schema.Find("then") is not null || schema.Find("else") is not null:
                var condition = new Rule(document.Child(schema, keyword));
                choices.Add([
                    new Option(null, schema.Find("then") is null ? [condition] : [condition, new Rule(document.Child(schema, "then"))]),
                    new Option(null,
                        schema.Find("else") is null ? [condition.Negated] : [condition.Negated, new Rule(document.Child(schema, "else"))])]);
                break;
            case "$dynamicRef" or "$recursiveRef":
                throw new SchemaRefusal(schema.Path, keyword, "is not supported");
        }
    }

    private IEnumerable<List<Option>> Dependents(Schema schema, string keyword)
    {
        JsonElement json = schema.Json.GetProperty(keyword);
        if (json.ValueKind != JsonValueKind.Object)
            throw new SchemaRefusal(schema.Path, keyword, "is not an object");
        foreach (JsonProperty member in json.EnumerateObject())
        {
            string key = member.Name;
            Option without = Option.Of(Kinds.All & ~Kinds.Object), absent = Option.Of(Kinds.Object, branch => branch.Forbidden.Add(key));
            List<string> also = keyword == "dependentRequired" || member.Value.ValueKind == JsonValueKind.Array
                ? KeywordReader.Texts(schema, keyword, member.Value) : [];
            List<Rule> then = member.Value.ValueKind == JsonValueKind.Array ? [] : [new Rule(document.Members(schema, keyword)[key])];
            yield return
            [
                without,
                absent,
                Option.Of(Kinds.Object, branch =>
                {
                    branch.Required.TryAdd(key, true);
                    foreach (string other in also)
                        branch.Required.TryAdd(other, true);
                }, then),
            ];
        }
    }

    // What is evaluated is known without looking at a value only where nothing beside it depends on the value.
    private void ApplyUnevaluated(Schema schema, Branch branch)
    {
        Schema rest = document.Child(schema, "unevaluatedProperties");
        if (rest.IsTrue)
            return;
        var known = new List<Schema>();
        if (!TryCollectKnown(schema,
            known))
        {
            branch.Unsupported.Add((Kinds.Object, schema, "unevaluatedProperties", "is not supported beside schemas " +
                "that depend on the value"));
        }
        else if (!known.Exists(part => part.Find("additionalProperties") is not null))
        {
            branch.RestKeys.Add((known, new Rule(rest)));
        }
    }

    private bool TryCollectKnown(Schema schema, List<Schema> known)
    {
        if (known.Contains(schema) || schema.Json.ValueKind != JsonValueKind.Object)
            return true;
        if (known.Count > 0 && schema.Find("unevaluatedProperties") is not null)
            return false;
        foreach (string conditional in (ReadOnlySpan<string>)["anyOf", "oneOf", "if", "dependentSchemas", "dependencies", "$dynamicRef",
            "$recursiveRef"])
        {
            if (schema.Find(conditional) is not null)
                return false;
        }
        known.Add(schema);
        if (schema.Find("$ref") is not null && !TryCollectKnown(document.Resolve(schema, KeywordReader.Text(schema, "$ref")), known))
            return false;
        return schema.Find("allOf") is null || document.Children(schema, "allOf").TrueForAll(part => TryCollectKnown(part, known));
    }

    private static bool IsFlag(Schema schema, string keyword) => schema.Find(keyword) is { ValueKind: JsonValueKind.True or JsonValueKind.False };

    private static void Step(Schema schema, Branch branch, ExactDecimal step)
    {
        try
        {
            branch.Range = branch.Range.InStepsOf(step);
        }
        catch (StepException e)
        {
            branch.Unsupported.Add((Kinds.Number, schema, "multipleOf", $"cannot be kept: {e.Message}"));
        }
    }
}
