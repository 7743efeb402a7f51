using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.RowKernels;

/// <summary>
/// Where YaRN's ramp begins and ends, in pairs of channels. Pair i of a head of d channels turns base^(−2i/d) radians a position, so over ctx
/// positions ctx·base^(−2i/d)/2π times. Solved for i, the pair that turns r times is bound(r) = d/2 · ln(ctx/(r·2π)) / ln base.
/// </summary>
/// <remarks>
/// Pairs below <see cref="Low"/> (more than β turns) keep their speed, those above <see cref="High"/> (fewer than α) slow down by the whole factor.
/// Both released models: 8.0928 and 17.3980; <see cref="Rounded"/>: 8 and 18.
/// </remarks>
/// <param name="Low">bound(β), β the fast bound.</param>
/// <param name="High">bound(α), α the slow bound.</param>
internal readonly record struct YarnBounds(double Low, double High)
{
    /// <summary>The bounds of a rotation.</summary>
    /// <param name="headDim">d.</param>
    /// <param name="base">Base of the frequencies.</param>
    /// <param name="initialContext">ctx: positions before scaling.</param>
    /// <param name="slowBound">α, in turns over the initial context.</param>
    /// <param name="fastBound">β, in turns over the initial context.</param>
    public static YarnBounds Of(int headDim, float @base, int initialContext, float slowBound, float fastBound)
    {
        int half = headDim / 2;
        double lnBase = Elementary.Ln(@base);
        return new(
            half * Elementary.Ln(initialContext / (fastBound * 2 * Math.PI)) / lnBase,
            half * Elementary.Ln(initialContext / (slowBound * 2 * Math.PI)) / lnBase);
    }

    /// <summary>
    /// The next whole pairs outside, ⌊low⌋ and ⌈high⌉, as llama.cpp has them, and transformers where <c>truncate</c> is true. Never the published
    /// model's.
    /// </summary>
    /// <remarks>
    /// Source: <c>ggml/src/ggml.c</c>, <c>ggml_rope_yarn_corr_dims</c>; its limits, 0 and d − 1, are never met by bounds that are ordered.
    /// </remarks>
    public YarnBounds Rounded() => new(Math.Floor(Low), Math.Ceiling(High));

    /// <summary>0 &lt; low &lt; high &lt; d/2 − 1, as the reference asserts.</summary>
    public bool AreOrderedFor(int headDim) => 0 < Low && Low < High && High < headDim / 2 - 1;
}
