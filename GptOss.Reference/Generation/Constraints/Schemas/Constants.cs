using System.Text;
using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Values that are given: of enum and const, in their compact form.</summary>
internal static class Constants
{
    /// <summary>The texts of a value that is neither array nor object.</summary>
    internal static byte[] Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => JsonText.Quoted(value.GetString()!),
        JsonValueKind.Number => Encoding.UTF8.GetBytes(ExactDecimal.Parse(value.GetRawText()).ToString()),
        _ => Encoding.UTF8.GetBytes(value.GetRawText()),
    };

    /// <summary>A node for some values, and for texts beside them.</summary>
    internal static void AddTo(ValueNode node, IEnumerable<JsonElement> values, IEnumerable<byte[]> texts)
    {
        var literals = new SortedSet<byte[]>(texts, Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y)));
        var arrays = new List<ArrayNode>(node.Arrays);
        var objects = new List<ObjectNode>(node.Objects);
        foreach (JsonElement value in values)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.Array:
                    arrays.Add(ArrayOf(value));
                    node.Cost = Math.Min(node.Cost, value.GetRawText().Length);
                    break;
                case JsonValueKind.Object:
                    objects.Add(ObjectOf(value));
                    node.Cost = Math.Min(node.Cost, value.GetRawText().Length);
                    break;
                default:
                    literals.Add(Text(value));
                    break;
            }
        }

        (node.Arrays, node.Objects) = ([.. arrays], [.. objects]);
        if (literals.Count > 0)
            node.Leaves = [.. node.Leaves, new Leaf(new LiteralAutomaton([.. literals]))];
    }

    private static ValueNode NodeOf(JsonElement value)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        var node = new ValueNode();
        AddTo(node, [value], []);
        if (node.Leaves.Length > 0)
            node.Cost = Text(value).Length;
        return node;
    }

    private static ArrayNode ArrayOf(JsonElement array) => new()
    {
        First = [.. array.EnumerateArray().Select(NodeOf)],
        Least = array.GetArrayLength(),
        Most = array.GetArrayLength(),
        Cost = array.GetRawText().Length,
    };

    private static ObjectNode ObjectOf(JsonElement value)
    {
        var members = new OrderedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (JsonProperty member in value.EnumerateObject())
            members[member.Name] = member.Value;
        DeclaredKey[] keys = [.. members.Select(member => new DeclaredKey(JsonText.Key(member.Key), NodeOf(member.Value), true))];
        return new ObjectNode(keys, Math.Max(0, keys.Length - ObjectNode.MostUnordered), [])
        {
            Least = keys.Length,
            Most = keys.Length,
            Cost = value.GetRawText().Length,
        };
    }
}
