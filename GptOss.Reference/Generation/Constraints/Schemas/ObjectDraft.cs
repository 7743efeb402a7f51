using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>An object while it is not yet known which of its keys can hold anything.</summary>
internal sealed class ObjectDraft
{
    private readonly HashSet<int> _impossible = [];     // tags

    internal required Schema Schema { get; init; }

    internal List<(string Name, ValueNode Value, bool IsRequired)> Keys { get; } = [];

    /// <summary>How many of the last keys the schema names nowhere but where others depend on them: they are required, in any order.</summary>
    internal int Unordered { get; set; }

    /// <summary>Keys that may not come.</summary>
    internal HashSet<string> Excluded { get; } = [];

    /// <summary>What free keys hold, by the tag of their automaton.</summary>
    internal List<ValueNode> FreeValues { get; } = [];

    /// <summary>Builds the automaton of free keys from the tags that may come; null if there are no free keys.</summary>
    internal Func<Func<int, bool>, Dfa>? FreeContent { get; set; }

    internal StringAutomaton? FreeKeys { get; private set; }

    internal int Least { get; init; }

    internal int Most { get; init; }

    /// <summary>Builds the free keys without those that can hold nothing; answers whether there are fewer than before.</summary>
    internal bool Update()
    {
        if (FreeContent is null) return false;
        bool isFirst = FreeKeys is null && _impossible.Count == 0;
        int before = _impossible.Count;
        for (int tag = 0; tag < FreeValues.Count && !isFirst; tag++)
            if (FreeValues[tag].IsImpossible) _impossible.Add(tag);
        if (!isFirst && _impossible.Count == before) return false;
        Dfa content = FreeContent(tag => !_impossible.Contains(tag));
        FreeKeys = content.Start == Dfa.Dead ? null : content == Dfa.AnyText
            ? StringAutomaton.AnyUniqueString
            : new StringAutomaton(content, Spelling.Unique);
        return true;
    }

    /// <summary>Bytes of the shortest object, <see cref="ValueNode.Impossible"/> if there is none.</summary>
    internal int Cost()
    {
        long cost = 2;
        int count = 0;
        var optional = new List<int>();
        foreach ((string name, ValueNode value, bool isRequired) in Keys)
        {
            if (value.IsImpossible)
            {
                if (isRequired) return ValueNode.Impossible;
                continue;
            }

            int bytes = (int)Math.Min((long)name.Length + 4 + value.Cost, ValueNode.Impossible - 1);
            if (!isRequired) optional.Add(bytes);
            cost += isRequired ? bytes : 0;
            count += isRequired ? 1 : 0;
        }

        if (count > Most) return ValueNode.Impossible;
        int missing = Least - count;
        if (missing > 0)
        {
            long free = FreeKeys?.TextsAhead(FreeKeys.Start) ?? 0;
            if (missing - optional.Count > free) return ValueNode.Impossible;
            optional.Sort();
            cost += optional.Take(missing).Sum(bytes => (long)bytes);
            if (missing > optional.Count)
            {
                int cheapest = FreeValues.Where((_, tag) => !_impossible.Contains(tag)).Min(value => value.Cost);
                if (cheapest == ValueNode.Impossible) return ValueNode.Impossible;
                cost += (long)(missing - optional.Count) * (8L + cheapest);
            }
        }

        return (int)Math.Min(cost, ValueNode.Impossible - 1);
    }

    /// <summary>The object.</summary>
    internal ObjectNode Build()
    {
        List<(string Name, ValueNode Value, bool IsRequired)> possible = Keys.FindAll(key => !key.Value.IsImpossible);
        int unordered = Math.Min(Unordered, ObjectNode.MostUnordered);
        IEnumerable<string> excluded = FreeKeys is null ? [] : Excluded.Concat(Keys.Where(key => key.Value.IsImpossible).Select(key => key.Name));
        return new ObjectNode(
            [.. possible.Select(key => new DeclaredKey(JsonText.Key(key.Name), key.Value, key.IsRequired))], possible.Count - unordered,
            excluded.Select(JsonText.Key))
        {
            Least = Least,
            Most = Most,
            Cost = Cost(),
            FreeKeys = FreeKeys,
            FreeValues = [.. FreeValues],
        };
    }

    /// <summary>Whether both are the same object.</summary>
    internal bool IsLike(ObjectDraft other) =>
        Least == other.Least && Most == other.Most && Unordered == other.Unordered && Keys.SequenceEqual(other.Keys)
            && Excluded.SetEquals(other.Excluded)
        && FreeValues.SequenceEqual(other.FreeValues) && ReferenceEquals(FreeContent, other.FreeContent);
}
