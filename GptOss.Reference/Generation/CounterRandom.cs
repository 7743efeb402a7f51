using GptOss.Reference.Ground;

namespace GptOss.Reference.Generation;

/// <summary>Uniform numbers that are a function of (seed, step): no state, so any step can be drawn again.</summary>
/// <remarks>
/// u = top 53 bits of mix(mix(seed) + (step + 1)·9E3779B97F4A7C15h) / 2⁵³, in wrapping 64-bit arithmetic, where mix is the output function of
/// <see cref="SplitMix64"/>. Mixing the seed first keeps neighbouring seeds from sharing a sequence.
/// </remarks>
internal static class CounterRandom
{
    /// <summary>A number in [0, 1), a multiple of 2⁻⁵³.</summary>
    internal static double Uniform(ulong seed, long step) =>
        (SplitMix64.Mix(unchecked(SplitMix64.Mix(seed) + ((ulong)step + 1) * SplitMix64.Step)) >> 11) * (1.0 / (1L << 53));
}
