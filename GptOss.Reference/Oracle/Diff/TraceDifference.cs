using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Diff;

/// <summary>What is not compared, and why.</summary>
/// <param name="Name">A stage, a tensor that is not one, or what of the manifests differs: positions, ids, config, logits_hash.</param>
/// <param name="Reason">Half a sentence.</param>
public sealed record NotCompared(string Name, string Reason);

/// <summary>How a candidate differs from a reference.</summary>
/// <param name="Precision">Whose budgets count.</param>
/// <param name="Stages">What was compared, in forward order.</param>
/// <param name="NotCompared">What was not.</param>
/// <param name="Notes">Sentences for people: what was assumed.</param>
public sealed record TraceDifference(
    Precision Precision, IReadOnlyList<StageDifference> Stages, IReadOnlyList<NotCompared> NotCompared, IReadOnlyList<string> Notes)
{
    /// <summary>Where the two read different prompts, which is the verdict; only positions before it are compared. Null where they do not.</summary>
    public PromptDifference? Prompts { get; init; }

    /// <summary>How the dumps were read where they are not what they seem: transposed, padded, probabilities, scaled, moved by a row. Sentences.</summary>
    public IReadOnlyList<string> Readings { get; init; } = [];

    /// <summary>Whether both sides hold the same: every stage and position, bit for bit.</summary>
    public bool IsIdentical => Stages.Count > 0 && FirstDifference is null && NotCompared.Count == 0;

    /// <summary>Where bits first differ, in forward order.</summary>
    public TracePlace? FirstDifference => Stages.FirstOrDefault(stage => stage.FirstDifference is not null)?.FirstDifference;

    /// <summary>Where the candidate first leaves the budget: first stage in forward order, first position of it, its worst element.</summary>
    public TracePlace? FirstOverBudget => Stages.FirstOrDefault(stage => stage.IsOverBudget)?.FirstOverBudget;

    /// <summary>The prompts are the same, something was compared, and all of it lies within its budget.</summary>
    public bool IsWithinBudget => Prompts is null && Stages.Count > 0 && FirstOverBudget is null;
}
