using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>The ways in which a value fails a schema: for each keyword, a value of its kind that breaks it.</summary>
internal sealed class Negations(SchemaDocument document)
{
    /// <summary>The ways to fail; none if everything is valid.</summary>
    internal List<Option> Of(Schema schema)
    {
        if (schema.IsFalse)
            return [new Option(null)];
        if (schema.Json.ValueKind != JsonValueKind.Object)
            return [];
        var options = new List<Option>();
        foreach (JsonProperty member in schema.Json.EnumerateObject())
            options.AddRange(OfScalar(schema, member.Name) ?? OfContainer(schema, member.Name) ?? OfComposition(schema, member.Name));
        return options;
    }

    private static IEnumerable<Option>? OfScalar(Schema schema, string keyword)
    {
        switch (keyword)
        {
            case "type":
                (Kinds kinds, bool onlyIntegers) = KeywordReader.Types(schema);
                var others = Option.Of(Kinds.All & ~kinds);
                return onlyIntegers
                    ? [others, Option.Of(Kinds.Number, branch => branch.Range = branch.Range with { IsNotInteger = true })]
                    : [others];
            case "const":
                return NoneOf(schema, keyword, KeywordReader.Values(schema, keyword));
            case "enum":
                return NoneOf(schema, keyword, KeywordReader.Values(schema, keyword));
            case "minimum":
                bool isAbove = schema.Find("exclusiveMinimum") is { ValueKind: JsonValueKind.True };
                return [Number(range => range.AtMost(KeywordReader.Number(schema, keyword), !isAbove))];
            case "maximum":
                bool isBelow = schema.Find("exclusiveMaximum") is { ValueKind: JsonValueKind.True };
                return [Number(range => range.AtLeast(KeywordReader.Number(schema, keyword), !isBelow))];
            case "exclusiveMinimum" when schema.Find(keyword) is { ValueKind: JsonValueKind.Number }:
                return [Number(range => range.AtMost(KeywordReader.Number(schema, keyword), false))];
            case "exclusiveMaximum" when schema.Find(keyword) is { ValueKind: JsonValueKind.Number }:
                return [Number(range => range.AtLeast(KeywordReader.Number(schema, keyword), false))];
            case "multipleOf":
                return [NotSupported(Kinds.Number, schema, keyword)];
            case "minLength":
                int least = KeywordReader.Least(schema, keyword);
                return least == 0 ? [] : [Option.Of(Kinds.String, branch => branch.MostLength = Math.Min(branch.MostLength, least - 1))];
            case "maxLength":
                int most = KeywordReader.Least(schema, keyword);
                return [Option.Of(Kinds.String, branch => branch.LeastLength = Math.Max(branch.LeastLength, most + 1))];
            case "pattern":
                return [Option.Of(Kinds.String, branch => branch.Patterns.Add(new(KeywordReader.Text(schema, keyword), false, schema, keyword)))];
            case "format" when schema.Find(keyword) is { ValueKind: JsonValueKind.String } name && Formats.Pattern(name.GetString()!) is { } pattern:
                var broken = Option.Of(Kinds.String, branch => branch.Patterns.Add(new(pattern, false, schema, keyword)));
                int longest = Formats.MaxLength(name.GetString()!);
                return longest == int.MaxValue
                    ? [broken]
                    : [broken, Option.Of(Kinds.String, branch => branch.LeastLength = Math.Max(branch.LeastLength, longest + 1))];
            case "contentSchema":
                return [NotSupported(Kinds.String, schema, keyword)];
            default:
                return null;
        }
    }

    private IEnumerable<Option>? OfContainer(Schema schema, string keyword)
    {
        switch (keyword)
        {
            case "minItems":
                int least = KeywordReader.Least(schema, keyword);
                return least == 0 ? [] : [Option.Of(Kinds.Array, branch => branch.MostItems = Math.Min(branch.MostItems, least - 1))];
            case "maxItems":
                int most = KeywordReader.Least(schema, keyword);
                return [Option.Of(Kinds.Array, branch => branch.LeastItems = Math.Max(branch.LeastItems, most + 1))];
            case "uniqueItems" when !KeywordReader.Flag(schema, keyword):
                return [];
            case "items" or "additionalItems"
                when schema.Find(keyword) is { ValueKind: not JsonValueKind.Array } && document.Child(schema, keyword).IsTrue:
                return [];
            case "uniqueItems" or "items" or "additionalItems" or "prefixItems" or "contains" or "unevaluatedItems":
                return [NotSupported(Kinds.Array, schema, keyword)];
            case "minProperties":
                int leastKeys = KeywordReader.Least(schema, keyword);
                return leastKeys == 0 ? [] : [Option.Of(Kinds.Object, branch => branch.MostKeys = Math.Min(branch.MostKeys, leastKeys - 1))];
            case "maxProperties":
                int mostKeys = KeywordReader.Least(schema, keyword);
                return [Option.Of(Kinds.Object, branch => branch.LeastKeys = Math.Max(branch.LeastKeys, mostKeys + 1))];
            case "required":
                return KeywordReader.Texts(schema, keyword).Select(key => Option.Of(Kinds.Object, branch => branch.Forbidden.Add(key)));
            case "properties":
                return document.Members(schema, keyword).Where(member => !member.Value.IsTrue)
                    .Select(member => WithKey(member.Key, new Rule(member.Value, false)));
            case "additionalProperties" or "unevaluatedProperties" or "propertyNames" when document.Child(schema, keyword).IsTrue:
                return [];
            case "patternProperties" or "additionalProperties" or "unevaluatedProperties" or "propertyNames":
                return [NotSupported(Kinds.Object, schema, keyword)];
            case "dependentRequired" or "dependentSchemas" or "dependencies":
                return Dependents(schema, keyword);
            default:
                return null;
        }
    }

    private IEnumerable<Option> OfComposition(Schema schema, string keyword)
    {
        switch (keyword)
        {
            case "$ref":
                return [new Option(null, new Rule(document.Resolve(schema, KeywordReader.Text(schema, keyword)), false))];
            case "allOf":
                return document.Children(schema, keyword).Select(part => new Option(null, new Rule(part, false)));
            case "anyOf":
                return [new Option(null, [.. document.Children(schema, keyword).Select(part => new Rule(part, false))])];
            case "oneOf":
                List<Schema> parts = document.Children(schema, keyword);
                var options = new List<Option> { new(null, [.. parts.Select(part => new Rule(part, false))]) };
                for (int i = 0; i < parts.Count; i++)
                {
                    for (int j = i + 1; j < parts.Count; j++)
                        options.Add(new Option(null, new Rule(parts[i]), new Rule(parts[j])));
                }
                return options;
            case "not":
                return [new Option(null, new Rule(document.Child(schema, keyword)))];
            case "if":
                var condition = new Rule(document.Child(schema, keyword));
                var ways = new List<Option>();
                if (schema.Find("then") is not null)
                    ways.Add(new Option(null, condition, new Rule(document.Child(schema, "then"), false)));
                if (schema.Find("else") is not null)
                    ways.Add(new Option(null, condition.Negated, new Rule(document.Child(schema, "else"), false)));
                return ways;
            case "$dynamicRef" or "$recursiveRef":
                throw new SchemaRefusal(schema.Path, keyword, "is not supported");
            default:
                return [];
        }
    }

    private List<Option> Dependents(Schema schema, string keyword)
    {
        var options = new List<Option>();
        JsonElement json = schema.Json.GetProperty(keyword);
        if (json.ValueKind != JsonValueKind.Object)
            throw new SchemaRefusal(schema.Path, keyword, "is not an object");
        foreach (JsonProperty member in json.EnumerateObject())
        {
            string key = member.Name;
            if (member.Value.ValueKind != JsonValueKind.Array)
            {
                options.Add(WithKey(key, null, new Rule(document.Members(schema, keyword)[key], false)));
                continue;
            }

            foreach (string other in KeywordReader.Texts(schema, keyword, member.Value))
            {
                options.Add(Option.Of(Kinds.Object, branch =>
                {
                    branch.Required.TryAdd(key, true);
                    branch.Forbidden.Add(other);
                }));
            }
        }

        return options;
    }

    // Everything else of the value's kind; of a number, what is below or above it.
    private static IEnumerable<Option> NoneOf(Schema schema, string keyword, IEnumerable<JsonElement> values)
    {
        var strings = new List<string>();
        var numbers = new SortedSet<ExactDecimal>();
        Kinds simple = Kinds.All & ~(Kinds.Number | Kinds.String), containers = Kinds.None;
        foreach (JsonElement value in values)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Null: simple &= ~Kinds.Null; break;
                case JsonValueKind.True: simple &= ~Kinds.True; break;
                case JsonValueKind.False: simple &= ~Kinds.False; break;
                case JsonValueKind.String: strings.Add(value.GetString()!); break;
                case JsonValueKind.Number: numbers.Add(ExactDecimal.Parse(value.GetRawText())); break;
                default: containers |= value.ValueKind == JsonValueKind.Array ? Kinds.Array : Kinds.Object; break;
            }
        }

        yield return Option.Of(simple & ~containers);
        if (containers.HasFlag(Kinds.Array))
            yield return NotSupported(Kinds.Array, schema, keyword);
        if (containers.HasFlag(Kinds.Object))
            yield return NotSupported(Kinds.Object, schema, keyword);
        yield return Option.Of(Kinds.String, branch => branch.ExcludedStrings.AddRange(strings));
        ExactDecimal? below = null;
        foreach (ExactDecimal number in numbers)
        {
            ExactDecimal? low = below;
            yield return Number(range => range.AtLeast(low, true).AtMost(number, true));
            below = number;
        }

        yield return Number(range => range.AtLeast(below, true));
    }

    private static Option WithKey(string key, Rule? value, params IReadOnlyList<Rule> rules) => Option.Of(Kinds.Object, branch =>
    {
        branch.Required.TryAdd(key, true);
        if (value is { } rule)
            branch.SingleKeys.Add((key, rule));
    }, rules);

    private static Option Number(Func<NumberRange, NumberRange> apply) => Option.Of(Kinds.Number, branch => branch.Range = apply(branch.Range));

    private static Option NotSupported(Kinds kind, Schema schema, string keyword) =>
        Option.Of(kind, branch => branch.Unsupported.Add((kind, schema, keyword, "is not supported where it must fail")));
}
