using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>Any JSON value at all: one node for all schemas, so that what is learned about it is shared.</summary>
internal static class AnyValue
{
    internal static ValueNode Node { get; } = Make();

    /// <summary>Any object.</summary>
    internal static ValueNode Object { get; } = new() { Cost = 2, Objects = Node.Objects };

    private static ValueNode Make()
    {
        var node = new ValueNode
        {
            Cost = 1,
            Leaves = [new Leaf(new LiteralAutomaton(["false"u8.ToArray(), "null"u8.ToArray(), "true"u8.ToArray()])), Leaf.AnyNumber, Leaf.AnyString],
        };
        node.Arrays = [new ArrayNode { Rest = node }];
        node.Objects = [new ObjectNode([], 0, []) { Cost = 2, FreeKeys = StringAutomaton.AnyUniqueString, FreeValues = [node] }];
        return node;
    }
}
