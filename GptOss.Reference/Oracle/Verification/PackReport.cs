using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Oracle.Packs;

namespace GptOss.Reference.Oracle.Verification;

/// <summary>How one stage compares with its recording.</summary>
/// <param name="Name">Name of the stage, <c>length-N</c>, or <c>prompt N</c>.</param>
/// <param name="Error">Largest |Δ| over the recorded stage's root mean square, in the row that comes nearest to its budget. For experts and continuations:
/// the widest margin, over the same measure of the logits that decide, at which a choice differs; 0 where none does.</param>
/// <param name="Allowed">The budget of that row.</param>
/// <param name="Rows">Rows compared.</param>
/// <param name="EqualBits">Share of equal elements where values are bfloat16; null elsewhere.</param>
/// <param name="Passed">Within the budget, NaN nowhere, and enough equal bits where those count.</param>
public sealed record StageReport(string Name, double Error, double Allowed, int Rows, double? EqualBits, bool Passed);

/// <summary>One way in which a pack was checked.</summary>
/// <param name="Title">Which way: <c>float32</c>, <c>bfloat16, stage by stage</c>, <c>bfloat16</c>.</param>
/// <param name="Precision">The profile that ran.</param>
/// <param name="Stages">What was compared.</param>
/// <param name="Notes">Sentences for people: ties, what was left out.</param>
/// <param name="LogitsHash">Fingerprint of this run's logits; null where the section has none.</param>
/// <param name="ExpectedLogitsHash">What the packs' folder expects it to be; null where it expects none.</param>
public sealed record PackSection(
    string Title, Precision Precision, IReadOnlyList<StageReport> Stages, IReadOnlyList<string> Notes, string? LogitsHash = null, string? ExpectedLogitsHash = null)
{
    /// <summary>Whether the logits are other bits than expected: a change of arithmetic, or a machine that breaks the promise.</summary>
    public bool HashDiffers => LogitsHash is not null && ExpectedLogitsHash is not null && LogitsHash != ExpectedLogitsHash;

    /// <summary>Every stage passed and the hash is not another one.</summary>
    public bool Passed => !HashDiffers && Stages.All(stage => stage.Passed);

    /// <summary>Whether anything was compared: a stage, or the hash.</summary>
    public bool Compares => Stages.Count > 0 || LogitsHash is not null && ExpectedLogitsHash is not null;

    /// <summary>The first stage that failed, in forward order; null where none did.</summary>
    public StageReport? FirstFailure => Stages.FirstOrDefault(stage => !stage.Passed);
}

/// <summary>The verdict on a pack.</summary>
/// <param name="Pack">Its name.</param>
/// <param name="Kind">What it records.</param>
/// <param name="Sections">The ways in which it was checked.</param>
public sealed record PackReport(string Pack, PackKind Kind, IReadOnlyList<PackSection> Sections)
{
    /// <summary>The files that the pack lists, its own first, then the checkpoint's; empty where it lists none.</summary>
    public IReadOnlyList<FileReport> Files { get; init; } = [];

    /// <summary>Something was checked and all of it passed.</summary>
    public bool Passed => Sections.Any(section => section.Compares) && Sections.All(section => section.Passed) && Files.All(file => file.Passed);
}
