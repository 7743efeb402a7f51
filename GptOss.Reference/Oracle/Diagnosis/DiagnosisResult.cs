using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Defects;
using GptOss.Reference.Oracle.Diff;

namespace GptOss.Reference.Oracle.Diagnosis;

/// <summary>What a diagnosis comes to.</summary>
public enum Verdict
{
    /// <summary>The dump is the model's, but for rounding.</summary>
    Sound,

    /// <summary>A known mistake explains the difference.</summary>
    Defect,

    /// <summary>There is a difference, and no known mistake explains it.</summary>
    Unexplained,
}

/// <summary>How well a mistake reproduces a dump.</summary>
/// <param name="Defect">The mistake; of a pair both.</param>
/// <param name="Explained">1 − (rms(D − M) / rms(D − S))²; 0 where the dump is the sound model's.</param>
/// <param name="RemainingRms">rms(D − M): root mean square of dump less mistaken model.</param>
/// <param name="OverBudget">Largest |D − M| as a multiple of the budget.</param>
/// <param name="FirstPosition">The first position where the mistaken model leaves the budget; null where it reproduces all.</param>
/// <param name="SameAs">A mistake listed before that leaves exactly as much, so that the dump does not tell the two apart; null where there is none.</param>
public sealed record RankedDefect(Defect Defect, double Explained, double RemainingRms, double OverBudget, int? FirstPosition, string? SameAs)
{
    /// <summary>Whether what the mistake leaves is rounding.</summary>
    public bool IsWithinBudget => OverBudget <= 1;
}

/// <summary>A dump compared with the sound model and with every known mistake. D is the dump, S the sound model, M a mistaken one.</summary>
/// <param name="Verdict">What it comes to.</param>
/// <param name="Precision">Where the models' values were rounded, which is also whose budget counts.</param>
/// <param name="DifferenceRms">rms(D − S).</param>
/// <param name="OverBudget">Largest |D − S| as a multiple of the budget.</param>
/// <param name="FirstPosition">The first position where the dump leaves the sound model by more than the budget; of chosen tokens the first divergence.</param>
/// <param name="Ranking">The mistakes that this prompt can reveal, pairs of them, and those of one layer, head or product, by what they leave.</param>
/// <param name="NotTestable">The mistakes that do not move the logits of this prompt: rms(M − S) below 1e-5 of rms(S).</param>
public sealed record DiagnosisResult(
    Verdict Verdict, Precision Precision, double DifferenceRms, double OverBudget, int? FirstPosition, IReadOnlyList<RankedDefect> Ranking,
    IReadOnlyList<Defect> NotTestable)
{
    /// <summary>How the dump was read where it is not what it seems: sentences without their end.</summary>
    public IReadOnlyList<string> Readings { get; init; } = [];

    /// <summary>The first wrong stage of a dump of stages that no mistake of the whole model explains; null where it was not looked for, or there is none.</summary>
    public TracePlace? FirstWrongStage { get; init; }

    /// <summary>Whether the dump is the sound model's but for rounding.</summary>
    public bool IsWithinBudget => OverBudget <= 1;
}
