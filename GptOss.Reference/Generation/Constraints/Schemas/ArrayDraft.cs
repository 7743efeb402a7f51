using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>An array while it is not yet known which of its items can be anything.</summary>
internal sealed class ArrayDraft
{
    internal required Schema Schema { get; init; }

    internal required List<ValueNode> First { get; init; }

    internal required ValueNode Rest { get; init; }

    internal int Least { get; init; }

    internal int Most { get; init; }

    internal bool IsUnique { get; init; }

    /// <summary>Bytes of the shortest array, <see cref="ValueNode.Impossible"/> if there is none.</summary>
    internal int Cost()
    {
        long cost = 2;
        for (int i = 0; i < Least; i++)
        {
            ValueNode item = i < First.Count ? First[i] : Rest;
            if (item.IsImpossible) return ValueNode.Impossible;
            if (i >= First.Count)
            {
                cost += (long)(Least - i) * (1L + item.Cost);
                break;
            }

            cost += 1L + item.Cost;
        }

        return (int)Math.Min(cost, ValueNode.Impossible - 1);
    }

    /// <summary>The array, which ends before the first item that is impossible.</summary>
    /// <exception cref="SchemaRefusal">Its items must differ, and they are none that can be told apart by their texts.</exception>
    internal ArrayNode Build(Strings strings)
    {
        int possible = First.FindIndex(item => item.IsImpossible);
        int most = possible >= 0 ? Math.Min(Most, possible) : Rest.IsImpossible ? Math.Min(Most, First.Count) : Most;
        var array = new ArrayNode
        {
            First = [.. First.Take(most)],
            Rest = Rest.IsImpossible ? null : Rest,
            Least = Least,
            Most = most,
            Cost = Cost(),
        };
        if (!IsUnique || most < 2) return array;
        if (First.Count > 0 || Rest.Arrays.Length + Rest.Objects.Length > 0 || Rest.Leaves.GroupBy(leaf => leaf.Automaton.GetType())
            .Any(group => group.Count() > 1))
        {
            throw new SchemaRefusal(Schema.Path, "uniqueItems", "is supported where all items are strings, integers or constants, by one rule");
        }

        var unique = new ValueNode { Cost = Rest.Cost, Leaves = [.. Rest.Leaves.Select(leaf => Unique(leaf, strings))] };
        long different = 0;
        foreach (Leaf leaf in unique.Leaves)
        {
            long texts = leaf.Automaton.TextsAhead(leaf.Automaton.Start);
            different = texts > long.MaxValue - different ? long.MaxValue : different + texts;
        }

        if (Least > different) throw new SchemaRefusal(Schema.Path, "uniqueItems", "asks for more different items than there are",
            isUnsatisfiable: true);
        return new ArrayNode { Rest = unique, Least = Least, Most = most, Cost = Cost(), IsUnique = true, Different = different };
    }

    internal bool IsLike(ArrayDraft other) =>
        First.SequenceEqual(other.First) && Rest == other.Rest && Least == other.Least && Most == other.Most && IsUnique == other.IsUnique;

    private Leaf Unique(Leaf leaf, Strings strings) => leaf.Automaton switch
    {
        StringAutomaton when Rest.Leaves.All(other => other.Automaton is not LiteralAutomaton { HasStrings: true }) => strings.Unique(leaf),
        NumberAutomaton { IsUnique: true } when Rest.Leaves.All(other => other.Automaton is not LiteralAutomaton { HasNumbers: true }) => leaf,
        LiteralAutomaton => leaf,
        _ => throw new SchemaRefusal(Schema.Path, "uniqueItems", "is supported where all items are strings, integers or constants, by one rule"),
    };
}
