using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Grammar;

/// <summary>What may stand where a value is expected: any of the leaves, arrays and objects. Immutable once the schema is compiled.</summary>
internal sealed class ValueNode
{
    /// <summary>No text has this many bytes: there is none.</summary>
    internal const int Impossible = int.MaxValue;

    /// <summary>Scalars, by language.</summary>
    internal Leaf[] Leaves { get; set; } = [];

    internal ArrayNode[] Arrays { get; set; } = [];

    internal ObjectNode[] Objects { get; set; } = [];

    /// <summary>Bytes of the shortest text, or <see cref="Impossible"/>.</summary>
    internal int Cost { get; set; } = Impossible;

    internal bool IsImpossible => Cost == Impossible;
}

/// <summary>Texts of an automaton; for strings with bounds, those whose number of code points is in them.</summary>
internal sealed class Leaf(Automaton automaton, int least = 0, int most = int.MaxValue)
{
    internal Automaton Automaton { get; } = automaton;

    internal int Least { get; } = least;

    internal int Most { get; } = most;

    /// <summary>Whether characters are counted.</summary>
    internal bool IsCounted { get; } = least > 0 || most < int.MaxValue;

    /// <summary>Every string.</summary>
    internal static Leaf AnyString { get; } = new(StringAutomaton.AnyString);

    /// <summary>Every number.</summary>
    internal static Leaf AnyNumber { get; } = new(NumberAutomaton.AnyNumber);

    /// <summary>Every integer.</summary>
    internal static Leaf AnyInteger { get; } = new(NumberAutomaton.AnyInteger);
}

/// <summary>An array: items by place, then by one rule, so many of them.</summary>
internal sealed class ArrayNode
{
    internal ValueNode[] First { get; set; } = [];

    /// <summary>The items behind <see cref="First"/>; null for none.</summary>
    internal ValueNode? Rest { get; set; }

    internal int Least { get; set; }

    internal int Most { get; set; } = int.MaxValue;

    /// <summary>About how many bytes the shortest array has.</summary>
    internal int Cost { get; init; } = 2;

    /// <summary>Whether no two items are equal; they are scalars with one spelling each then.</summary>
    internal bool IsUnique { get; set; }

    /// <summary>How many different items there can be, if they must differ.</summary>
    internal long Different { get; set; } = long.MaxValue;

    /// <summary>The rule of an item, null if it may not come.</summary>
    internal ValueNode? ItemAt(int index) =>
        index >= Most || index >= Different ? null : index < First.Length ? First[index] : Rest;
}
