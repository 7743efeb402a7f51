namespace GptOss.Reference.Ground;

/// <summary>SplitMix64: the state grows by a constant, and every output mixes the bits of a state. Arithmetic is modulo 2⁶⁴.</summary>
/// <remarks>
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014; the constants of the mixing function are variant 13 by
/// Stafford.
/// </remarks>
internal static class SplitMix64
{
    /// <summary>What the state grows by: 2⁶⁴ divided by the golden ratio, made odd.</summary>
    internal const ulong Step = 0x9E3779B97F4A7C15;

    /// <summary>The output for a state.</summary>
    internal static ulong Mix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }

    /// <summary>The state for an output: each step of <see cref="Mix"/> is a bijection.</summary>
    internal static ulong Unmix(ulong z)
    {
        unchecked
        {
            z = (z ^ (z >> 31) ^ (z >> 62)) * 0x319642B2D24D8EC3;
            z = (z ^ (z >> 27) ^ (z >> 54)) * 0x96DE1B173F119089;
            return z ^ (z >> 30) ^ (z >> 60);
        }
    }
}
