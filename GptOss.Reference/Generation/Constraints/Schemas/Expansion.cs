using System.Runtime.CompilerServices;
using GptOss.Reference.Generation.Constraints.Languages;

namespace GptOss.Reference.Generation.Constraints.Schemas;

/// <summary>
/// Turns rules that must hold together into branches without alternatives: the disjunctive normal form, less what is contradictory.
/// </summary>
internal sealed class Expansion
{
    private const int MostBranches = 1_000;

    private readonly Keywords _keywords;
    private readonly Negations _negations;
    private readonly Work _work;

    internal Expansion(SchemaDocument document, Exclusion exclusion, Work work)
    {
        (_keywords, _negations, _work) = (new Keywords(document, exclusion, work), new Negations(document), work);
    }

    /// <summary>The branches, each of which is a way to be valid.</summary>
    /// <param name="rules">What must hold.</param>
    /// <param name="kinds">The kinds of values looked at.</param>
    internal List<Branch> Of(IReadOnlyList<Rule> rules, Kinds kinds = Kinds.All)
    {
        var branches = new List<Branch>();
        Expand(new Branch { Kinds = kinds }, new Queue<Rule>(rules), [], rules[0].Schema, branches);
        return branches;
    }

    private void Expand(Branch branch, Queue<Rule> rules, List<List<Option>> choices, Schema place, List<Branch> into)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        while (rules.TryDequeue(out Rule rule))
        {
            _work.Spend(8);
            if (!branch.Taken.Add(rule))
                continue;
            if (branch.Taken.Contains(rule.Negated))
                return;
            if (rule.Holds)
                _keywords.Apply(rule.Schema, branch, rules, choices);
            else
                choices.Add(_negations.Of(rule.Schema));
            if (branch.IsEmpty)
                return;
        }

        branch.Settle();
        if (branch.IsEmpty)
            return;
        if (choices.Count == 0)
        {
            if (into.Count == MostBranches)
                throw new SchemaRefusal(place.Path, null, $"its alternatives combine in more than {MostBranches} ways");
            into.Add(branch);
            return;
        }

        List<Option> options = choices[0];
        foreach (Option option in options)
        {
            _work.Spend(16 + branch.Taken.Count + branch.Required.Count);
            Branch next = options.Count == 1 ? branch : branch.Clone();
            option.Apply?.Invoke(next);
            if (!next.IsEmpty)
                Expand(next, new Queue<Rule>(option.Rules), choices[1..], place, into);
        }
    }
}
