using GptOss.Reference.Generation.Constraints.Grammar;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>The automata of numbers that a document asks for.</summary>
internal sealed class Numbers
{
    private readonly Dictionary<NumberRange, Leaf?> _leaves = new()
    {
        [default] = Leaf.AnyNumber,
        [new NumberRange { Step = Keywords.One }] = Leaf.AnyInteger,
    };

    /// <summary>The numbers of a branch; null if there are none.</summary>
    internal Leaf? LeafOf(Branch branch)
    {
        if (_leaves.TryGetValue(branch.Range, out Leaf? leaf)) return leaf;
        try
        {
            var automaton = new NumberAutomaton(branch.Range);
            return _leaves[branch.Range] = automaton.IsEmpty ? null : new Leaf(automaton);
        }
        catch (StepException e)
        {
            throw new SchemaRefusal(branch.Taken.First().Schema.Path, "multipleOf", $"cannot be kept: {e.Message}");
        }
    }

    /// <summary>Whether no number is in a branch.</summary>
    internal bool IsEmpty(Branch branch) => LeafOf(branch) is null;
}
