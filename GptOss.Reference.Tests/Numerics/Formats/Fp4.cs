namespace GptOss.Reference.Tests.Numerics.Formats;

/// <summary>The E2M1 element from its definition: sign, two bits of exponent with bias 1, one bit of mantissa.</summary>
internal static class Fp4
{
    internal static double Of(int code)
    {
        int exponent = code >> 1 & 3, mantissa = code & 1;
        double magnitude = exponent == 0 ? mantissa * 0.5 : (1 + mantissa * 0.5) * Math.ScaleB(1, exponent - 1);
        return (code & 8) == 0 ? magnitude : -magnitude;
    }
}
