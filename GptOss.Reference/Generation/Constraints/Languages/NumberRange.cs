using System.Globalization;
using System.Numerics;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>Numbers between bounds, perhaps multiples of something.</summary>
internal readonly record struct NumberRange
{
    private const int MostMultiple = 10_000, MostDecimals = 64;

    /// <summary>The least number, or what it is above; null for none.</summary>
    internal ExactDecimal? Low { get; init; }

    /// <summary>Whether <see cref="Low"/> is itself excluded.</summary>
    internal bool IsAboveLow { get; init; }

    /// <summary>The greatest number, or what it is below; null for none.</summary>
    internal ExactDecimal? High { get; init; }

    /// <summary>Whether <see cref="High"/> is itself excluded.</summary>
    internal bool IsBelowHigh { get; init; }

    /// <summary>The number is a multiple of this; null for no rule.</summary>
    internal ExactDecimal? Step { get; init; }

    /// <summary>The number has a fraction that is not 0.</summary>
    internal bool IsNotInteger { get; init; }

    internal bool IsAny => this == default;

    /// <summary>Both: the tighter bounds, and the least common multiple.</summary>
    internal NumberRange And(NumberRange other) =>
        AtLeast(other.Low, other.IsAboveLow).AtMost(other.High, other.IsBelowHigh).InStepsOf(other.Step) with
    {
        IsNotInteger = IsNotInteger || other.IsNotInteger,
    };

    internal NumberRange AtLeast(ExactDecimal? low, bool isAbove)
    {
        if (low is not { } bound) return this;
        int order = Low is { } mine ? bound.CompareTo(mine) : 1;
        return order < 0 ? this : order == 0 ? this with { IsAboveLow = IsAboveLow || isAbove } : this with { Low = bound, IsAboveLow = isAbove };
    }

    internal NumberRange AtMost(ExactDecimal? high, bool isBelow)
    {
        if (high is not { } bound) return this;
        int order = High is { } mine ? bound.CompareTo(mine) : -1;
        return order > 0 ? this : order == 0 ? this with { IsBelowHigh = IsBelowHigh || isBelow } : this with { High = bound, IsBelowHigh = isBelow };
    }

    /// <summary>Multiples of a number as well.</summary>
    /// <exception cref="StepException">The common multiple cannot be followed by an automaton.</exception>
    internal NumberRange InStepsOf(ExactDecimal? step)
    {
        if (step is not { } other) return this;
        if (other.IsZero || other.IsNegative) throw new StepException("it is not above 0");
        if (Math.Abs(other.Exponent) > MostDecimals || other.Digits.Length > MostDecimals) throw new StepException("it has too many digits");
        if (Step is not { } mine) return this with { Step = other };
        long exponent = Math.Min(mine.Exponent, other.Exponent);
        BigInteger a = mine.Mantissa * BigInteger.Pow(10, (int)(mine.Exponent - exponent));
        BigInteger b = other.Mantissa * BigInteger.Pow(10, (int)(other.Exponent - exponent));
        return this with { Step = ExactDecimal.Of(a / BigInteger.GreatestCommonDivisor(a, b) * b, exponent) };
    }

    /// <summary>The step as m · 10⁻ᵏ with k ≥ 0; (0, 0) for none.</summary>
    /// <exception cref="StepException">m is more than an automaton can count by.</exception>
    internal (int M, int K) StepParts()
    {
        if (Step is not { } step) return (0, 0);
        BigInteger m = step.Mantissa * BigInteger.Pow(10, (int)Math.Max(step.Exponent, 0));
        if (m > MostMultiple)
            throw new StepException($"{step.ToString()} is more than {MostMultiple.ToString(CultureInfo.InvariantCulture)} of its last decimal");
        return ((int)m, (int)Math.Max(-step.Exponent, 0));
    }

    /// <summary>Whether a number is in the range.</summary>
    internal bool Contains(ExactDecimal number)
    {
        if (Low is { } low && (number.CompareTo(low) is var above) && (above < 0 || (above == 0 && IsAboveLow))) return false;
        if (High is { } high && (number.CompareTo(high) is var below) && (below > 0 || (below == 0 && IsBelowHigh))) return false;
        if (IsNotInteger && number.IsInteger) return false;
        if (Step is not { } step || number.IsZero) return true;

        // n · 10^i is a multiple of m · 10^j; far exponents would make huge integers and are decided without them.
        long shift = number.Exponent - step.Exponent;
        if (shift < 0) return number.Digits.Length <= 10_000 && shift > -10_000
            && number.Mantissa % (step.Mantissa * BigInteger.Pow(10, (int)-shift)) == 0;
        return number.Digits.Length <= 10_000 && number.Mantissa * BigInteger.ModPow(10, shift, step.Mantissa) % step.Mantissa == 0;
    }
}

/// <summary>A multipleOf cannot be kept; the message says why, as half a sentence.</summary>
internal sealed class StepException(string message) : Exception(message);
