using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Sixteen lanes as a loop: the definition that every other width must equal bit for bit.</summary>
[InlineArray(16)]
internal unsafe struct F32x16Scalar : IF32x16<F32x16Scalar>
{
    private float _lane0;

    public static RegisterWidth Width => RegisterWidth.Scalar;

    public static F32x16Scalar Zero => default;

    public static F32x16Scalar Broadcast(float value)
    {
        F32x16Scalar r = default;
        for (int i = 0; i < 16; i++)
            r[i] = value;
        return r;
    }

    public static F32x16Scalar Load(float* lanes)
    {
        F32x16Scalar r = default;
        for (int i = 0; i < 16; i++)
            r[i] = lanes[i];
        return r;
    }

    public static F32x16Scalar Load(ushort* bfloat16Lanes)
    {
        F32x16Scalar r = default;
        for (int i = 0; i < 16; i++)
            r[i] = Bfloat16.ToSingle(bfloat16Lanes[i]);
        return r;
    }

    public static void Store(F32x16Scalar value, float* lanes)
    {
        for (int i = 0; i < 16; i++)
            lanes[i] = value[i];
    }

    public static F32x16Scalar FusedMultiplyAdd(F32x16Scalar a, F32x16Scalar b, F32x16Scalar sum)
    {
        for (int i = 0; i < 16; i++)
            sum[i] = MathF.FusedMultiplyAdd(a[i], b[i], sum[i]);
        return sum;
    }

    public static F32x16Scalar operator +(F32x16Scalar a, F32x16Scalar b)
    {
        for (int i = 0; i < 16; i++)
            a[i] += b[i];
        return a;
    }

    public static F32x16Scalar operator -(F32x16Scalar a, F32x16Scalar b)
    {
        for (int i = 0; i < 16; i++)
            a[i] -= b[i];
        return a;
    }

    public static F32x16Scalar operator *(F32x16Scalar a, F32x16Scalar b)
    {
        for (int i = 0; i < 16; i++)
            a[i] *= b[i];
        return a;
    }

    public static F32x16Scalar operator /(F32x16Scalar a, F32x16Scalar b)
    {
        for (int i = 0; i < 16; i++)
            a[i] /= b[i];
        return a;
    }

    public static F32x16Scalar Min(F32x16Scalar a, F32x16Scalar b)
    {
        for (int i = 0; i < 16; i++)
            a[i] = MathF.Min(a[i], b[i]);
        return a;
    }

    public static F32x16Scalar Max(F32x16Scalar a, F32x16Scalar b)
    {
        for (int i = 0; i < 16; i++)
            a[i] = MathF.Max(a[i], b[i]);
        return a;
    }

    public static F32x16Scalar IfLess(F32x16Scalar a, F32x16Scalar b, F32x16Scalar yes, F32x16Scalar no)
    {
        for (int i = 0; i < 16; i++)
            no[i] = a[i] < b[i] ? yes[i] : no[i];
        return no;
    }

    public static F32x16Scalar IfNaN(F32x16Scalar value, F32x16Scalar other)
    {
        for (int i = 0; i < 16; i++)
            other[i] = float.IsNaN(value[i]) ? value[i] : other[i];
        return other;
    }

    public static F32x16Scalar AddToExponent(F32x16Scalar value, F32x16Scalar shift)
    {
        for (int i = 0; i < 16; i++)
            value[i] = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value[i]) + (BitConverter.SingleToInt32Bits(shift[i]) << 23));
        return value;
    }

    public static F32x16Scalar RoundToBfloat16(F32x16Scalar value)
    {
        for (int i = 0; i < 16; i++)
            value[i] = Bfloat16.Round(value[i]);
        return value;
    }

    public static float Reduce(F32x16Scalar value)
    {
        for (int n = 8; n > 0; n /= 2)
        {
            for (int i = 0; i < n; i++)
                value[i] += value[i + n];
        }
        return value[0];
    }

    public static void Reduce4(F32x16Scalar a, F32x16Scalar b, F32x16Scalar c, F32x16Scalar d, float* sums)
    {
        sums[0] = Reduce(a);
        sums[1] = Reduce(b);
        sums[2] = Reduce(c);
        sums[3] = Reduce(d);
    }
}
