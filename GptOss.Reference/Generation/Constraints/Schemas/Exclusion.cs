using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Which alternatives of <c>oneOf</c> exclude each other.</summary>
/// <remarks>
/// Those that do are mere alternatives. Of others, all but one must fail, which is said as rules that do not hold. Proof is by contradiction, for
/// each kind of value: both together have no branch, or in each branch a required key whose rules are contradictory in turn.
/// </remarks>
internal sealed class Exclusion
{
    private const int Depth = 4;

    private readonly SchemaDocument _document;
    private readonly Expansion _expansion;
    private readonly Strings _strings;
    private readonly Numbers _numbers;
    private readonly Work _work;
    private readonly Dictionary<(Schema, Schema), Kinds> _known = [];

    internal Exclusion(SchemaDocument document, Strings strings, Numbers numbers, Work work)
    {
        (_document, _strings, _numbers, _work) = (document, strings, numbers, work);
        _expansion = new Expansion(document, this, work);
    }

    /// <summary>What expands rules, <c>oneOf</c> included.</summary>
    internal Expansion Expansion => _expansion;

    /// <summary>The ways in which exactly one of the parts holds.</summary>
    internal List<Option> OneOf(Schema schema, List<Schema> parts)
    {
        Kinds kinds = schema.Find("type") is null ? Kinds.All : KeywordReader.Types(schema).Kinds;
        if (parts.Count < 2 || HaveDistinctMark(parts))
            return [.. parts.Select(part => new Option(null, new Rule(part)))];
        var options = new List<Option>();
        foreach (Schema part in parts)
        {
            // Of the kinds for which no other part can hold as well, this one is enough.
            Kinds common = Kinds.None;
            var rules = new List<Rule> { new(part) };
            foreach (Schema other in parts)
            {
                if (other == part || (Common(part, other) & kinds) is not (not Kinds.None and var both))
                    continue;
                common |= both;
                rules.Add(new Rule(other, Holds: false));
            }

            if (common != kinds)
                options.Add(Option.Of(kinds & ~common, null, new Rule(part)));
            if (common != Kinds.None)
                options.Add(Option.Of(common, null, rules));
        }

        return options;
    }

    // The kinds of values for which both may hold.
    private Kinds Common(Schema a, Schema b)
    {
        (Schema, Schema) pair = a.Id < b.Id ? (a, b) : (b, a);
        if (_known.TryGetValue(pair, out Kinds known))
            return known;
        _known[pair] = Kinds.All;                       // while it is looked into: a reference may lead back here
        return _known[pair] = Possible([new Rule(pair.Item1), new Rule(pair.Item2)], Depth);
    }

    // The kinds of values for which rules are not seen to contradict each other.
    private Kinds Possible(IReadOnlyList<Rule> rules, int depth)
    {
        Kinds possible = Kinds.None;
        foreach (Branch branch in _expansion.Of(rules))
            possible |= Possible(branch, depth);
        return possible;
    }

    private Kinds Possible(Branch branch, int depth)
    {
        _work.Spend(16);
        if (branch.Values is { } values)
        {
            var validator = new Validator(_document, _strings, _work);
            return values.Where(value => branch.Taken.All(rule => validator.IsValid(value, rule)))
                .Aggregate(Kinds.None, (kinds, value) => kinds | KindOf(value));
        }

        Kinds left = branch.Kinds;
        if (left.HasFlag(Kinds.String) && _strings.IsEmpty(branch))
            left &= ~Kinds.String;
        if (left.HasFlag(Kinds.Number) && _numbers.IsEmpty(branch))
            left &= ~Kinds.Number;
        if (left.HasFlag(Kinds.Object) && depth > 0 && HasContradictoryKey(branch, depth - 1))
            left &= ~Kinds.Object;
        return left;
    }

    private static Kinds KindOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => Kinds.Null,
        JsonValueKind.True => Kinds.True,
        JsonValueKind.False => Kinds.False,
        JsonValueKind.Number => Kinds.Number,
        JsonValueKind.String => Kinds.String,
        JsonValueKind.Array => Kinds.Array,
        _ => Kinds.Object,
    };

    private bool HasContradictoryKey(Branch branch, int depth)
    {
        foreach (string key in branch.Required.Keys)
        {
            List<Rule> rules = KeyRules.Of(branch, key, _document, _strings);
            if (rules.Exists(rule => rule is { Holds: true, Schema.IsFalse: true }))
                return true;
            if (rules.Count > 1 && Possible(rules, depth) == Kinds.None)
                return true;
        }

        return false;
    }

    // The usual case, in one pass: objects that all require a key, whose constants differ.
    private bool HaveDistinctMark(List<Schema> parts)
    {
        List<Schema> objects = [.. parts.Select(Followed)];
        if (objects[0].Find("properties") is not { ValueKind: JsonValueKind.Object } properties)
            return false;
        foreach (JsonProperty candidate in properties.EnumerateObject())
        {
            var marks = new HashSet<string>();
            if (objects.TrueForAll(part => HasMark(part, candidate.Name, marks)))
                return true;
        }

        return false;
    }

    private bool HasMark(Schema part, string key, HashSet<string> marks)
    {
        if (part.Find("type") is not { ValueKind: JsonValueKind.String } type || type.GetString() != "object")
            return false;
        if (part.Find("required") is not { ValueKind: JsonValueKind.Array } required
            || !required.EnumerateArray().Any(name => name.ValueKind == JsonValueKind.String && name.GetString() == key))
        {
            return false;
        }

        if (part.Find("properties") is not { ValueKind: JsonValueKind.Object } properties || !properties.TryGetProperty(key, out _))
            return false;
        Schema value = Followed(_document.Members(part, "properties")[key]);
        if (value.Find("const") is { ValueKind: JsonValueKind.String } one)
            return marks.Add(one.GetString()!);
        return value.Find("enum") is { ValueKind: JsonValueKind.Array } several
            && several.EnumerateArray().All(mark => mark.ValueKind == JsonValueKind.String && marks.Add(mark.GetString()!));
    }

    private Schema Followed(Schema schema)
    {
        for (int hops = 0; hops < 8 && schema.Find("$ref") is { ValueKind: JsonValueKind.String } reference; hops++)
            schema = _document.Resolve(schema, reference.GetString()!);
        return schema;
    }
}
