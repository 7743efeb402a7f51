namespace GptOss.Reference.Oracle.Diff;

/// <summary>A place in a trace.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Position">The token's position.</param>
/// <param name="Index">Where in the stage's row, by its shape: [head, channel] in rotated queries.</param>
public sealed record TracePlace(string Stage, int Position, IReadOnlyList<int> Index);

/// <summary>One element of a stage on both sides.</summary>
/// <param name="Place">Where.</param>
/// <param name="Meaning">The same in words: head 3, channel 17.</param>
/// <param name="Reference">The reference's value.</param>
/// <param name="Candidate">The candidate's value.</param>
public sealed record DifferingElement(TracePlace Place, string Meaning, double Reference, double Candidate);

/// <summary>How one stage of a candidate differs from that of a reference.</summary>
public sealed record StageDifference
{
    /// <summary>Name of the stage.</summary>
    public required string Stage { get; init; }

    /// <summary>Rows whose values were compared; those after a near tie of their token are not among them.</summary>
    public required int Rows { get; init; }

    /// <summary>Largest |Δ|; infinite where one side is NaN or infinite and the other is not. For experts: of router logits, the widest margin of a choice that differs.</summary>
    public required double Max { get; init; }

    /// <summary>√(mean of Δ²), over elements that are finite on both sides.</summary>
    public required double Rms { get; init; }

    /// <summary><see cref="Max"/> over the root mean square of the reference's stage.</summary>
    public required double Relative { get; init; }

    /// <summary>The budget of <see cref="Relative"/> in the row that comes nearest to its own; null where the stage has none.</summary>
    public double? Budget { get; init; }

    /// <summary>Cosine of the angle between the two, over all rows; null where one is zero.</summary>
    public double? Cosine { get; init; }

    /// <summary>Distances in float32; null for experts.</summary>
    public UlpHistogram? Float32Ulps { get; init; }

    /// <summary>Distances in bfloat16; null for experts.</summary>
    public UlpHistogram? Bfloat16Ulps { get; init; }

    /// <summary>Where bits first differ; null where none do.</summary>
    public TracePlace? FirstDifference { get; init; }

    /// <summary>The worst element of the first position over budget; null where all is within it.</summary>
    public TracePlace? FirstOverBudget { get; init; }

    /// <summary>The largest differences, largest first.</summary>
    public IReadOnlyList<DifferingElement> Worst { get; init; } = [];

    /// <summary>Positions where experts differ whose router logits are nearer than the router's budget.</summary>
    public IReadOnlyList<int> NearTies { get; init; } = [];

    /// <summary>For logits.</summary>
    public LogitAgreement? Agreement { get; init; }

    /// <summary>Whether a row lies outside its budget.</summary>
    public bool IsOverBudget => FirstOverBudget is not null;
}
