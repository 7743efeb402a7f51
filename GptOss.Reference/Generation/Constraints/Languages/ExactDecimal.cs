using System.Globalization;
using System.Numerics;

namespace GptOss.Reference.Generation.Constraints.Languages;

/// <summary>A decimal number without rounding: sign · digits · 10^exponent, digits without zeros at either end.</summary>
internal readonly struct ExactDecimal : IEquatable<ExactDecimal>, IComparable<ExactDecimal>
{
    private const long FarExponent = 1_000_000_000;

    private readonly string? _digits;                   // null and "" are zero

    private ExactDecimal(bool isNegative, string digits, long exponent)
    {
        string trimmed = digits.TrimStart('0');
        _digits = trimmed.TrimEnd('0');
        IsNegative = isNegative && _digits.Length > 0;
        Exponent = _digits.Length == 0 ? 0 : exponent + trimmed.Length - _digits.Length;
    }

    /// <summary>Whether the number is below 0.</summary>
    internal bool IsNegative { get; }

    /// <summary>The power of ten that the last digit stands for.</summary>
    internal long Exponent { get; }

    /// <summary>The significant digits; empty for 0.</summary>
    internal string Digits => _digits ?? "";

    internal bool IsZero => Digits.Length == 0;

    internal bool IsInteger => Exponent >= 0;

    /// <summary>Number of digits before the point; 0 or less for a magnitude below 1.</summary>
    internal long WholeDigits => Digits.Length + Exponent;

    /// <summary>Reads a number as JSON spells it.</summary>
    internal static ExactDecimal Parse(string json)
    {
        int e = json.IndexOfAny(['e', 'E']);
        string mantissa = e < 0 ? json : json[..e];
        long exponent = 0;
        if (e >= 0)
        {
            string written = json[(e + 1)..];
            bool isSmall = long.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent);
            exponent = isSmall ? Math.Clamp(exponent, -FarExponent, FarExponent) : written.StartsWith('-') ? -FarExponent : FarExponent;
        }

        bool isNegative = mantissa.StartsWith('-');
        string unsigned = isNegative ? mantissa[1..] : mantissa;
        int point = unsigned.IndexOf('.');
        if (point >= 0) exponent -= unsigned.Length - point - 1;
        return new ExactDecimal(isNegative, unsigned.Replace(".", "", StringComparison.Ordinal), exponent);
    }

    /// <summary>m · 10^exponent.</summary>
    internal static ExactDecimal Of(BigInteger m, long exponent) =>
        new(m.Sign < 0, BigInteger.Abs(m).ToString(CultureInfo.InvariantCulture), exponent);

    /// <summary>The digits as a number; <see cref="Exponent"/> says what the last one stands for.</summary>
    internal BigInteger Mantissa => IsZero ? 0 : BigInteger.Parse(Digits, NumberStyles.None, CultureInfo.InvariantCulture);

    /// <inheritdoc/>
    public int CompareTo(ExactDecimal other)
    {
        if (IsNegative != other.IsNegative) return IsNegative ? -1 : 1;
        int magnitude = CompareMagnitude(other);
        return IsNegative ? -magnitude : magnitude;
    }

    /// <summary>The shortest spelling in JSON: plain where the zeros are few, else with an exponent.</summary>
    public override string ToString()
    {
        if (IsZero) return "0";
        string sign = IsNegative ? "-" : "";
        return (Exponent, WholeDigits) switch
        {
            ( >= 0, <= 64) => sign + Digits + new string('0', (int)Exponent),
            ( < 0, > 0) => sign + Digits[..(int)WholeDigits] + "." + Digits[(int)WholeDigits..],
            ( < 0, > -16) => sign + "0." + new string('0', (int)-WholeDigits) + Digits,
            _ => sign + Digits[..1] + (Digits.Length > 1 ? "." + Digits[1..] : "") + "e" + (WholeDigits - 1).ToString(CultureInfo.InvariantCulture),
        };
    }

    /// <inheritdoc/>
    public bool Equals(ExactDecimal other) => CompareTo(other) == 0;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ExactDecimal other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(IsNegative, Digits, Exponent);

    private int CompareMagnitude(ExactDecimal other)
    {
        if (IsZero || other.IsZero) return other.IsZero.CompareTo(IsZero);
        int length = WholeDigits.CompareTo(other.WholeDigits);
        return length != 0 ? length : string.CompareOrdinal(Digits, other.Digits);      // a prefix is smaller, and so it sorts
    }
}
