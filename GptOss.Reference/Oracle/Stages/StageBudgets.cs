using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Oracle.Stages;

/// <summary>The budget of one stage kind.</summary>
/// <param name="B">What rounding may add up to before the growth from layer to layer, over the root mean square of the recorded stage.</param>
/// <param name="R">ulps of the largest rotated angle that may be added.</param>
public readonly record struct StageBudget(double B, double R = 0);

/// <summary>
/// How far the stages of a trace may be from the recorded ones: largest |Δ| over the root mean square of the recorded stage at most
/// (b + r · ulp(p · ω)) · g^layer, where ω is the largest rotary frequency (1 in the released models) and ulp the spacing of float32 at that angle, 0
/// at position 0.
/// </summary>
/// <remarks>
/// The final norm and the logits count as one layer more than the last; embedding as layer 0. What comes before the first rotation, <c>attn.norm</c>
/// and
/// <c>attn.qkv</c> of layer 0, has no r. Chosen experts have no budget of their own: the router's decides whether a choice was a tie.
/// </remarks>
public sealed record StageBudgets
{
    /// <summary>Growth from layer to layer, g.</summary>
    public required double Growth { get; init; }

    /// <summary>Share of elements that must have equal bits; null where bits do not count.</summary>
    public double? EqualBits { get; init; }

    /// <summary>The budget of each kind; a kind that is missing has none and is not compared.</summary>
    public required IReadOnlyDictionary<Stage, StageBudget> Stages { get; init; }

    /// <summary>Whether a stage is held to anything.</summary>
    public bool Has(Stage stage) => Stages.ContainsKey(stage);

    /// <summary>The budget of a stage at a position.</summary>
    /// <param name="key">The stage.</param>
    /// <param name="position">The token's position.</param>
    /// <param name="rotary">The model's angles.</param>
    /// <param name="config">The model's numbers.</param>
    /// <exception cref="KeyNotFoundException">The stage has none; see <see cref="Has"/>.</exception>
    public double Of(StageKey key, int position, RotaryTable rotary, GptOssConfig config)
    {
        ArgumentNullException.ThrowIfNull(rotary);
        ArgumentNullException.ThrowIfNull(config);
        StageBudget budget = Stages[key.Stage];
        double ulps = key is { Layer: 0, Stage: Stage.AttentionNorm or Stage.Qkv } ? 0 : budget.R;
        int layers = key.Stage is Stage.Norm or Stage.Logits ? config.NumHiddenLayers : Math.Max(key.Layer, 0);
        double growth = Math.Min(Math.Pow(Growth, layers), 1e100);         // finite, so that no budget admits NaN
        return (budget.B + ulps * UlpOfLargestAngle(position, rotary)) * growth;
    }

    /// <summary>The budget of each row of a stage.</summary>
    internal Func<int, double> Rows(StageKey key, IReadOnlyList<int> positions, Transformer model) =>
        row => Of(key, positions[row], model.Rotary, model.Config);

    private static double UlpOfLargestAngle(int position, RotaryTable rotary)
    {
        if (position == 0)
            return 0;
        float largest = 0;
        foreach (float frequency in rotary.Frequencies)
            largest = Math.Max(largest, position * frequency);
        return MathF.BitIncrement(largest) - largest;
    }
}
