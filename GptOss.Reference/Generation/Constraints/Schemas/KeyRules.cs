namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>What a branch asks of the value of one key, or of a key that no one declares.</summary>
internal static class KeyRules
{
    /// <summary>The rules for the value of a key.</summary>
    internal static List<Rule> Of(Branch branch, string key, SchemaDocument document, Strings strings)
    {
        var rules = new List<Rule>();
        foreach (Schema schema in branch.KeyRules)
            rules.AddRange(Named(schema, key, document, strings));
        foreach ((List<Schema> known, Rule rest) in branch.RestKeys)
        {
            if (!known.Exists(schema => Named(schema, key, document, strings).Count > 0))
                rules.Add(rest);
        }
        foreach ((string single, Rule rule) in branch.SingleKeys)
        {
            if (single == key)
                rules.Add(rule);
        }
        return rules;
    }

    /// <summary>Every pattern for keys, with its schema, and which of the branch's schemas has it.</summary>
    internal static List<(Schema Owner, string Pattern, Schema Value)> Patterns(Branch branch, SchemaDocument document)
    {
        var patterns = new List<(Schema, string, Schema)>();
        foreach (Schema owner in branch.KeyRules.Concat(branch.RestKeys.SelectMany(rest => rest.Known)).Distinct())
        {
            if (owner.Find("patternProperties") is null)
                continue;
            foreach ((string pattern, Schema value) in document.Members(owner, "patternProperties"))
                patterns.Add((owner, pattern, value));
        }

        return patterns;
    }

    private static List<Rule> Named(Schema schema, string key, SchemaDocument document, Strings strings)
    {
        var rules = new List<Rule>();
        if (schema.Find("properties") is { } properties
            && properties.TryGetProperty(key, out _))
        {
            rules.Add(new Rule(document.Member(schema, "properties", key)));
        }

        if (schema.Find("patternProperties") is not null)
        {
            foreach ((string pattern, Schema value) in document.Members(schema, "patternProperties"))
            {
                if (strings.IsFound(pattern, schema, "patternProperties", key))
                    rules.Add(new Rule(value));
            }
        }

        return rules;
    }
}
