using System.Text.Json;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>
/// The order in which a schema first names keys, walking its members as written and through everything that speaks about the same value.
/// </summary>
/// <remarks>
/// Where an alternative requires a key before <c>properties</c> declares it, there are two readings of "first": both orders are kept then, side by
/// side. Keys that are only required come behind all others.
/// </remarks>
internal static class KeyOrder
{
    private static readonly string[] Lists = ["allOf", "anyOf", "oneOf"];

    /// <summary>The place of each key, by either reading.</summary>
    internal static List<Dictionary<string, int>> Of(IReadOnlyList<Rule> rules, SchemaDocument document)
    {
        Dictionary<string, int> named = Walk(rules, document, alsoRequired: true), declared = Walk(rules, document, alsoRequired: false);
        foreach (string key in named.OrderBy(pair => pair.Value).Select(pair => pair.Key)) declared.TryAdd(key, declared.Count);
        return named.All(pair => declared[pair.Key] == pair.Value) ? [named] : [named, declared];
    }

    private static Dictionary<string, int> Walk(IReadOnlyList<Rule> rules, SchemaDocument document, bool alsoRequired)
    {
        var order = new Dictionary<string, int>(StringComparer.Ordinal);
        var seen = new HashSet<Schema>();
        foreach (Rule rule in rules)
            if (rule.Holds) Walk(rule.Schema, document, order, seen, alsoRequired);
        return order;
    }

    private static void Walk(Schema schema, SchemaDocument document, Dictionary<string, int> order, HashSet<Schema> seen, bool alsoRequired)
    {
        if (schema.Json.ValueKind != JsonValueKind.Object || !seen.Add(schema)) return;
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        foreach (JsonProperty member in schema.Json.EnumerateObject())
        {
            switch (member.Name)
            {
                case "properties":
                    foreach (string key in document.Members(schema, "properties").Keys) order.TryAdd(key, order.Count);
                    break;
                case "$ref":
                    Walk(document.Resolve(schema, KeywordReader.Text(schema, "$ref")), document, order, seen, alsoRequired);
                    break;
                case "if" or "then" or "else":
                    Walk(document.Child(schema, member.Name), document, order, seen, alsoRequired);
                    break;
                case "dependentSchemas":
                    foreach (Schema part in document.Members(schema, member.Name).Values) Walk(part, document, order, seen, alsoRequired);
                    break;
                default:
                    if (!Lists.Contains(member.Name)) break;
                    foreach (Schema part in document.Children(schema, member.Name)) Walk(part, document, order, seen, alsoRequired);
                    break;
            }
        }

        if (!alsoRequired || schema.Find("required") is null) return;
        foreach (string key in KeywordReader.Texts(schema, "required")) order.TryAdd(key, order.Count);
    }
}
