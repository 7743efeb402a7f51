namespace GptOss.Reference.Numerics.Lanes;

/// <summary>
/// Elementary functions in double precision, built only from operations that IEEE 754 fixes, so that their bits are the same on every
/// machine; the platform's own differ between operating systems. Within 2 ulp of the true value, for sine and cosine at every float32
/// angle; <see cref="Pow"/>, whose exponent is a rounded product, within 16.
/// </summary>
internal static class Elementary
{
    // ln 2 and π/2 in two parts each: the second is the remainder of the first.
    private const double Ln2High = 0.69314718055994528623, Ln2Low = 2.319046813846299558e-17;
    private const double HalfPiHigh = 1.5707963267948965580, HalfPiLow = 6.123233995736766036e-17;

    /// <summary>e^x. NaN stays NaN; above 709.78 +∞; below −708 (where results would be subnormal) +0.</summary>
    public static double Exp(double x)
    {
        if (double.IsNaN(x))
            return x;
        if (x > 709.782712893384)
            return double.PositiveInfinity;
        if (x < -708)
            return 0;

        // x = n·ln 2 + r, |r| ≤ ln 2 / 2; e^x = 2^n · e^r by its series, whose 14th term is below 5e-18.
        double n = Math.Round(x * 1.4426950408889634);
        double r = Math.FusedMultiplyAdd(-n, Ln2Low, Math.FusedMultiplyAdd(-n, Ln2High, x));
        double p = 1.0 / 6227020800;
        for (int i = SeriesOfExp.Length - 1; i >= 0; i--)
            p = Math.FusedMultiplyAdd(p, r, SeriesOfExp[i]);
        return n == 1024 ? p * 2 * TwoTo(1023) : p * TwoTo((int)n);
    }

    /// <summary>The natural logarithm of a positive normal number; −∞ for 0, NaN for negative numbers and NaN, +∞ for +∞.</summary>
    public static double Ln(double x)
    {
        if (double.IsNaN(x) || x < 0)
            return double.NaN;
        if (x == 0)
            return double.NegativeInfinity;
        if (double.IsPositiveInfinity(x))
            return x;
        int k = 0;
        if (!double.IsNormal(x))
        {
            x *= TwoTo(54);
            k = -54;
        }

        // x = 2^k · m, m in [√½, √2); ln m = 2·artanh(s), s = (m − 1)/(m + 1), |s| ≤ 0.1716.
        long bits = BitConverter.DoubleToInt64Bits(x);
        k += (int)(bits >> 52) - 1023;
        double m = BitConverter.Int64BitsToDouble((bits & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000);
        if (m > 1.4142135623730951)
        {
            m /= 2;
            k++;
        }
        double s = (m - 1) / (m + 1), s2 = s * s, p = 1.0 / 23;
        for (int odd = 21; odd >= 3; odd -= 2)
            p = Math.FusedMultiplyAdd(p, s2, 1.0 / odd);

        // ln m = 2s + 2s·s²·p; the large part k·ln 2 goes in last, its remainder before.
        double small = Math.FusedMultiplyAdd(2 * s * s2, p, k * Ln2Low) + 2 * s;
        return Math.FusedMultiplyAdd(k, Ln2High, small);
    }

    /// <summary>base^exponent for a positive base: e^(exponent · ln base).</summary>
    public static double Pow(double @base, double exponent) => Exp(exponent * Ln(@base));

    /// <summary>The sine and cosine of an angle in radians, |angle| at most 2^31, which no position exceeds.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The angle is larger, or not a number.</exception>
    public static (double Sin, double Cos) SinCos(double angle)
    {
        if (!(Math.Abs(angle) <= 2147483648))
            throw new ArgumentOutOfRangeException(nameof(angle), angle, "An angle must be a number of at most 2147483648 radians.");

        // angle = n·π/2 + r, |r| ≤ π/4. n is exact and so are its products; the two parts of π/2 leave n · 1.5e-33.
        double n = Math.Round(angle * 0.63661977236758134);
        double r = Math.FusedMultiplyAdd(-n, HalfPiLow, Math.FusedMultiplyAdd(-n, HalfPiHigh, angle));
        double r2 = r * r;
        double sin = SeriesOfSin[^1], cos = SeriesOfCos[^1];
        for (int i = SeriesOfSin.Length - 2; i >= 0; i--)
        {
            sin = Math.FusedMultiplyAdd(sin, r2, SeriesOfSin[i]);
            cos = Math.FusedMultiplyAdd(cos, r2, SeriesOfCos[i]);
        }
        sin = Math.FusedMultiplyAdd(r * r2, sin, r);
        cos = Math.FusedMultiplyAdd(r2, cos, 1);
        return ((long)n & 3) switch
        {
            0 => (sin, cos),
            1 => (cos, -sin),
            2 => (-sin, -cos),
            _ => (-cos, sin),
        };
    }

    /// <summary>e^x in float32, with the bits of the block form that the model uses (<see cref="BlockExp"/>).</summary>
    public static float Exp(float x) => BlockExp.Scalar(x);

    private static double TwoTo(int n) => BitConverter.Int64BitsToDouble((long)(n + 1023) << 52);

    // 1/i! for i = 0…12; the 13th is where the loop starts.
    private static ReadOnlySpan<double> SeriesOfExp =>
    [
        1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800,
        1.0 / 479001600,
    ];

    // (sin r − r)/r³ and (cos r − 1)/r² as series in r².
    private static ReadOnlySpan<double> SeriesOfSin =>
    [
        -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800, 1.0 / 6227020800, -1.0 / 1307674368000, 1.0 / 355687428096000,
        -1.0 / 121645100408832000,
    ];

    private static ReadOnlySpan<double> SeriesOfCos =>
    [
        -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200, 1.0 / 20922789888000,
        -1.0 / 6402373705728000,
    ];
}
