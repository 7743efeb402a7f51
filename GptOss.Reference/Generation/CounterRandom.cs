namespace GptOss.Reference.Generation;

/// <summary>Uniform numbers that are a function of (seed, step): no state, so any step can be drawn again.</summary>
/// <remarks>
/// u = top 53 bits of mix(mix(seed) + (step + 1)·9E3779B97F4A7C15h) / 2⁵³, in wrapping 64-bit arithmetic, where mix is the output
/// function of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014; constants of variant 13 by Stafford).
/// Mixing the seed first keeps neighbouring seeds from sharing a sequence.
/// </remarks>
internal static class CounterRandom
{
    /// <summary>A number in [0, 1), a multiple of 2⁻⁵³.</summary>
    internal static double Uniform(ulong seed, long step) =>
        (Mix(unchecked(Mix(seed) + ((ulong)step + 1) * 0x9E3779B97F4A7C15)) >> 11) * (1.0 / (1L << 53));

    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
            value = (value ^ value >> 27) * 0x94D049BB133111EB;
            return value ^ value >> 31;
        }
    }
}
