using GptOss.Reference.Ground;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Oracle.Stages;

/// <summary>How far a run may lie from a recording, in each way that the two are compared; <see cref="Published"/> are the measured ones.</summary>
/// <remarks>
/// <para>
/// float32: both sides round in float32 and add in different orders, so a dot product of n terms is about √n · 2^-24 from the truth, four times
/// that in the worst of ten thousand: 2.4e-6 at 96 channels, 1.3e-5 at the published 2880. b covers one such product and what the layers before it
/// did; each layer reads the sum of all before it and adds its own, which measured 9 % a layer on random weights, the worst that a router and a
/// softmax can do to a difference.
/// </para>
/// <para>Every number below states what was measured on the golden packs; each is at most about three times that. Their form as a file:
/// docs/golden-packs.md.</para>
/// </remarks>
public sealed record Budgets
{
    /// <summary>
    /// Of stages that are sums over many channels: norms, projections, residual stream, router, logits. Measured: 1.0e-5 after two layers
    /// (shape-base), 1.2e-5 in the fourth (all-experts), 2.7e-5 in the ninth and 2.7e-4 after the last of 36 (shape-deep, where the budget is
    /// 4.4e-4).
    /// </summary>
    private const double Sum = 2e-5;

    /// <summary>
    /// Of attention outputs: where probabilities are spread, values average out, and the root mean square is small beside the largest value and its
    /// error. Measured: 1.7e-5 in the second layer (shape-base, all-experts), 8.9e-5 in the ninth, 4.4e-4 in the last of 36.
    /// </summary>
    private const double Heads = 6e-5;

    /// <summary>
    /// Of SwiGLU outputs: products of two sums, so few channels are large and they carry the error of both factors.
    /// Measured: 2.2e-5 (tiny-trace), 2.4e-5 in the fourth layer (all-experts), 5.7e-4 in the 27th and 9.1e-4 in the 35th of 36.
    /// </summary>
    private const double SwiGlu = 8e-5;

    /// <summary>
    /// Growth from layer to layer. Measured on shape-deep: 9.7e-6 in layer 2, 2.4e-4 in layer 35, a tenth root of 2.6 to ten layers: 1.1.
    /// </summary>
    private const double Growth = 1.09;

    /// <summary>
    /// ulps of the largest angle p·ω_i that a rotated query or key may be off. The reference takes powers of the base from a library whose result is
    /// an ulp off at some frequencies (ours is not), and the position multiplies that; a pair of channels reaches four times the root mean square.
    /// Measured: 0.2 ulp at position 4999 (9.6e-5; the channels that are off have smaller angles than the largest).
    /// </summary>
    private const double RotationUlps = 4;

    /// <summary>
    /// What of those ulps reaches the stages that are computed from queries and keys. Measured: 0.08 ulp at position 4999 (4.1e-5 in the final norm).
    /// </summary>
    private const double UlpsAfterRotation = 0.125;

    /// <summary>
    /// bfloat16, from recorded inputs: one unit in the last place of a value of four to eight root mean squares, the largest that stages hold: 4 ·
    /// 2^-7. Measured: 1.2e-2 in an expert block's residual (wide), 7.5e-3 in heads (shape-base), at most 7.7e-3 in every other stage.
    /// </summary>
    private const double Bfloat16Ulp = 1.0 / 32;

    /// <summary>
    /// bfloat16, whole trained model. Rounding differences add up through the layers; the reference in bfloat16 is 0.01 to 0.04 of its logits' root
    /// mean square from itself in float32, in the mean. Measured: 0.071 in the largest of 4,096 logits at 22 lengths (tiny-lengths).
    /// </summary>
    private const double Bfloat16Logits = 0.14;

    /// <summary>
    /// Share of elements that must have equal bits in bfloat16 from recorded inputs. Measured: at least 99.77 % (attention residual of shape-base),
    /// mostly all.
    /// </summary>
    private const double Bfloat16EqualBits = 0.995;

    /// <summary>
    /// fast, whole trained model against float32: an activation is rounded by up to 1/254 of the largest in its block, in every product. Measured on
    /// 400 positions of tiny-lengths, dense weights as stored and in Q8_0, near ties left out: 0.11 in logits, 0.10 in queries and norms, 0.089 in
    /// the residual stream.
    /// </summary>
    private const double FastSum = 0.25;

    /// <summary>fast: router logits and the experts' weights, sums with small changes. Measured: 0.067 and 0.062.</summary>
    private const double FastRouter = 0.15;

    /// <summary>fast: attention outputs, small beside their error where probabilities are spread. Measured: 0.47.</summary>
    private const double FastHeads = 1;

    /// <summary>fast: SwiGLU outputs, which carry the error of two factors. Measured: 0.38.</summary>
    private const double FastSwiGlu = 0.8;

    /// <summary>Distances to the published reference, as measured on the golden packs.</summary>
    public static Budgets Published { get; } = new()
    {
        Float32 = new()
        {
            Growth = Growth,
            Stages = Kinds().ToDictionary(stage => stage, stage => stage switch
            {
                Stage.Embedding => new StageBudget(0),             // widened, never computed
                Stage.Query or Stage.Key => new(Sum, RotationUlps),
                Stage.Heads => new(Heads, UlpsAfterRotation),
                Stage.SwiGlu => new(SwiGlu, UlpsAfterRotation),
                _ => new(Sum, UlpsAfterRotation),
            }),
        },
        Bfloat16 = new() { Growth = 1, Stages = new Dictionary<Stage, StageBudget> { [Stage.Logits] = new(Bfloat16Logits) } },
        Bfloat16Blocks = new()
        {
            Growth = 1,
            EqualBits = Bfloat16EqualBits,
            Stages = Kinds().ToDictionary(stage => stage, stage => new StageBudget(stage == Stage.Embedding ? 0 : Bfloat16Ulp)),
        },
        Fast = new()
        {
            Growth = 1,
            Stages = Kinds().ToDictionary(stage => stage, stage => new StageBudget(stage switch
            {
                Stage.Embedding => 0,
                Stage.Router or Stage.ExpertWeights => FastRouter,
                Stage.Heads => FastHeads,
                Stage.SwiGlu => FastSwiGlu,
                _ => FastSum,
            })),
        },
    };

    /// <summary>The whole model in float32; every kind has one.</summary>
    public required StageBudgets Float32 { get; init; }

    /// <summary>The whole model in bfloat16, where weights were trained: rounding flips experts of random ones.</summary>
    public required StageBudgets Bfloat16 { get; init; }

    /// <summary>bfloat16 block by block, each from the recorded residual stream before it; every kind has one.</summary>
    public required StageBudgets Bfloat16Blocks { get; init; }

    /// <summary>The whole model in the fast profile against float32, where weights were trained; every kind has one.</summary>
    public required StageBudgets Fast { get; init; }

    /// <summary>The budgets of the whole model in one precision.</summary>
    public StageBudgets Of(Precision precision) => precision switch
    {
        Precision.Bfloat16 => Bfloat16,
        Precision.Fast => Fast,
        _ => Float32,
    };

    /// <summary>Reads a file of budgets; whatever it does not state is as published.</summary>
    /// <exception cref="CheckpointFormatException">The file cannot be read or states something impossible; the message says what.</exception>
    public static Budgets Read(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return BudgetsJson.Read(path);
    }

    /// <summary>Every stage kind that has a budget, in forward order: all but chosen experts.</summary>
    private static IEnumerable<Stage> Kinds() => Enum.GetValues<Stage>().Where(stage => stage != Stage.Experts);
}
