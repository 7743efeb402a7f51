using System.Text.Json;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>The kinds of values that JSON has; booleans one by one.</summary>
[Flags]
internal enum Kinds
{
    None = 0,
    Null = 1,
    True = 2,
    False = 4,
    Number = 8,
    String = 16,
    Array = 32,
    Object = 64,
    Boolean = True | False,
    All = 127,
}

/// <summary>What one combination of alternatives asks of a value: everything at once, with no alternatives left in it.</summary>
internal sealed class Branch
{
    internal Kinds Kinds { get; set; } = Kinds.All;

    /// <summary>The values that enum and const leave; null if neither is there.</summary>
    internal List<JsonElement>? Values { get; set; }

    /// <summary>Strings that may not be.</summary>
    internal List<string> ExcludedStrings { get; init; } = [];

    internal NumberRange Range { get; set; }

    internal int LeastLength { get; set; }

    internal int MostLength { get; set; } = int.MaxValue;

    /// <summary>Patterns that are found in a string, or must not be.</summary>
    internal List<PatternRule> Patterns { get; init; } = [];

    internal int LeastItems { get; set; }

    internal int MostItems { get; set; } = int.MaxValue;

    internal bool HasUniqueItems { get; set; }

    /// <summary>Schemas whose <c>prefixItems</c>, or list of <c>items</c>, says what single items are.</summary>
    internal List<(Schema Schema, string Keyword)> ItemLists { get; init; } = [];

    /// <summary>Rules for all items from a place on.</summary>
    internal List<(int From, Rule Rule)> RestItems { get; init; } = [];

    internal int LeastKeys { get; set; }

    internal int MostKeys { get; set; } = int.MaxValue;

    /// <summary>Required keys, in the order in which they are named.</summary>
    internal OrderedDictionary<string, bool> Required { get; init; } = [];

    /// <summary>Keys that may not come.</summary>
    internal HashSet<string> Forbidden { get; init; } = [];

    /// <summary>Schemas whose <c>properties</c> and <c>patternProperties</c> say what keys hold.</summary>
    internal List<Schema> KeyRules { get; init; } = [];

    /// <summary>Rules for the keys that some schemas do not know: <c>additionalProperties</c>, <c>unevaluatedProperties</c>.</summary>
    internal List<(List<Schema> Known, Rule Rule)> RestKeys { get; init; } = [];

    /// <summary>Rules for single keys, beside those.</summary>
    internal List<(string Key, Rule Rule)> SingleKeys { get; init; } = [];

    /// <summary>Rules for the keys themselves.</summary>
    internal List<Rule> NameRules { get; init; } = [];

    /// <summary>What cannot be kept, should values of that kind still be possible in the end.</summary>
    internal List<(Kinds Kind, Schema Schema, string Keyword, string Reason)> Unsupported { get; init; } = [];

    /// <summary>Every rule that has gone into the branch, to stop at references that lead back.</summary>
    internal HashSet<Rule> Taken { get; init; } = [];

    /// <summary>Whether no value is left, as far as this shows it.</summary>
    internal bool IsEmpty => Kinds == Kinds.None || Values is { Count: 0 };

    internal Branch Clone() => new()
    {
        Kinds = Kinds,
        Values = Values is null ? null : [.. Values],
        ExcludedStrings = [.. ExcludedStrings],
        Range = Range,
        LeastLength = LeastLength,
        MostLength = MostLength,
        Patterns = [.. Patterns],
        LeastItems = LeastItems,
        MostItems = MostItems,
        HasUniqueItems = HasUniqueItems,
        ItemLists = [.. ItemLists],
        RestItems = [.. RestItems],
        LeastKeys = LeastKeys,
        MostKeys = MostKeys,
        Required = new(Required),
        Forbidden = [.. Forbidden],
        KeyRules = [.. KeyRules],
        RestKeys = [.. RestKeys],
        SingleKeys = [.. SingleKeys],
        NameRules = [.. NameRules],
        Unsupported = [.. Unsupported],
        Taken = [.. Taken],
    };

    /// <summary>Takes out kinds whose rules contradict each other.</summary>
    internal void Settle()
    {
        if (LeastLength > MostLength)
            Kinds &= ~Kinds.String;
        if (LeastItems > MostItems)
            Kinds &= ~Kinds.Array;
        if (LeastKeys > MostKeys || Required.Count > MostKeys || Required.Keys.Any(Forbidden.Contains))
            Kinds &= ~Kinds.Object;
        if (Range is { Low: { } low, High: { } high } && low.CompareTo(high) is var order
            && (order > 0 || (order == 0 && (Range.IsAboveLow || Range.IsBelowHigh))))
        {
            Kinds &= ~Kinds.Number;
        }
    }

    /// <summary>Leaves only the values that are in a list too.</summary>
    internal void RestrictTo(IEnumerable<JsonElement> values, Work work)
    {
        List<JsonElement> list = [.. values];
        Values = Values is null ? list : [.. Values.Where(ValueSet.Of(list, work).Contains)];
    }
}

/// <summary>A pattern, or a format's, and whether it is found in a string or must not be.</summary>
/// <param name="Pattern">The regular expression.</param>
/// <param name="Holds">Whether it is found.</param>
/// <param name="Schema">Where it is asked for.</param>
/// <param name="Keyword">By which keyword.</param>
internal readonly record struct PatternRule(string Pattern, bool Holds, Schema Schema, string Keyword);
