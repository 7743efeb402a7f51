using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using Xunit;

namespace GptOss.Reference.Tests.Numerics.Lanes;

/// <summary>Every member of every width's block against the scalar block, lane by lane, over all pairs of special values and many others.</summary>
[Trait("Category", "Numeric")]
public unsafe class BlockTests
{
    [Theory, MemberData(nameof(EveryWidth.Alone), MemberType = typeof(EveryWidth))]
    public void Every_operation_has_the_bits_of_the_scalar_block(RegisterWidth width)
    {
        EveryWidth.Require(width);
        switch (width)
        {
            case RegisterWidth.Scalar:
                Compare<F32x16Scalar>();
                break;
            case RegisterWidth.V128:
                Compare<F32x16V128>();
                break;
            case RegisterWidth.V256:
                Compare<F32x16V256>();
                break;
            default:
                Compare<F32x16V512>();
                break;
        }
    }

    [Fact]
    public void Every_operation_of_the_scalar_block_is_that_of_plain_floats()
    {
        (float[] a, float[] b, float[] c) = Operands();
        for (int i = 0; i < a.Length; i += 16)
        {
            for (int j = 0; j < 16; j++)
            {
                float x = a[i + j], y = b[i + j], z = c[i + j];
                F32x16Scalar p = F32x16Scalar.Broadcast(x), q = F32x16Scalar.Broadcast(y), r = F32x16Scalar.Broadcast(z);
                Bits.Equal(x + y, (p + q)[j], "+");
                Bits.Equal(x - y, (p - q)[j], "−");
                Bits.Equal(x * y, (p * q)[j], "·");
                Bits.Equal(x / y, (p / q)[j], "÷");
                Bits.Equal(MathF.FusedMultiplyAdd(x, y, z), F32x16Scalar.FusedMultiplyAdd(p, q, r)[j], "fma");
                Bits.Equal(float.IsNaN(x) || float.IsNaN(y) ? float.NaN : x < y ? x : y < x ? y : float.IsNegative(x) ? x : y, F32x16Scalar.Min(p, q)[j], "min");
                Bits.Equal(float.IsNaN(x) || float.IsNaN(y) ? float.NaN : x > y ? x : y > x ? y : float.IsNegative(x) ? y : x, F32x16Scalar.Max(p, q)[j], "max");
                Bits.Equal(x < y ? 1 : 2, F32x16Scalar.IfLess(p, q, F32x16Scalar.Broadcast(1), F32x16Scalar.Broadcast(2))[j], "if less");
                Bits.Equal(float.IsNaN(x) ? x : y, F32x16Scalar.IfNaN(p, q)[j], "if NaN");
            }
        }
    }

    private static void Compare<TBlock>() where TBlock : struct, IF32x16<TBlock>
    {
        (float[] a, float[] b, float[] c) = Operands();
        for (int i = 0; i < a.Length; i += 16)
        {
            fixed (float* pa = &a[i], pb = &b[i], pc = &c[i])
            {
                TBlock x = TBlock.Load(pa), y = TBlock.Load(pb), z = TBlock.Load(pc);
                F32x16Scalar sx = F32x16Scalar.Load(pa), sy = F32x16Scalar.Load(pb), sz = F32x16Scalar.Load(pc);
                Same(sx, x, "load");
                Same(sx + sy, x + y, "+");
                Same(sx - sy, x - y, "−");
                Same(sx * sy, x * y, "·");
                Same(sx / sy, x / y, "÷");
                Same(F32x16Scalar.FusedMultiplyAdd(sx, sy, sz), TBlock.FusedMultiplyAdd(x, y, z), "fma");
                Same(F32x16Scalar.Min(sx, sy), TBlock.Min(x, y), "min");
                Same(F32x16Scalar.Max(sx, sy), TBlock.Max(x, y), "max");
                Same(F32x16Scalar.IfLess(sx, sy, sz, sx), TBlock.IfLess(x, y, z, x), "if less");
                Same(F32x16Scalar.IfNaN(sx, sy), TBlock.IfNaN(x, y), "if NaN");
                Same(F32x16Scalar.AddToExponent(sx, sy), TBlock.AddToExponent(x, y), "add to exponent");
                Same(F32x16Scalar.RoundToBfloat16(sx), TBlock.RoundToBfloat16(x), "round to bfloat16");
                Same(F32x16Scalar.Broadcast(a[i]), TBlock.Broadcast(a[i]), "broadcast");
                Bits.Equal(F32x16Scalar.Reduce(sx), TBlock.Reduce(x), "reduce");
            }
        }
        Same(F32x16Scalar.Zero, TBlock.Zero, "zero");

        ushort[] bits = [.. Enumerable.Range(0, 65536).Select(u => (ushort)u)];
        fixed (ushort* p = bits)
        {
            for (int i = 0; i < 65536; i += 16)
                Same(F32x16Scalar.Load(p + i), TBlock.Load(p + i), "widen");
        }

        // Every code in every byte, low and high, at every scale.
        byte* block = stackalloc byte[16];
        for (int scale = 0; scale < 255; scale++)
        {
            for (int shift = 0; shift < 16; shift++)
            {
                for (int j = 0; j < 16; j++)
                    block[j] = (byte)((j + shift) % 16 | (j * 7 + shift) % 16 << 4);
                Mxfp4Lanes.Decode(block, Mxfp4.ScaledValues((byte)scale), out F32x16Scalar even, out F32x16Scalar odd);
                Mxfp4Lanes.Decode(block, Mxfp4.ScaledValues((byte)scale), out TBlock e, out TBlock o);
                Same(even, e, "even weights");
                Same(odd, o, "odd weights");
            }
        }
    }

    private static (float[] A, float[] B, float[] C) Operands()
    {
        ReadOnlySpan<float> specials = Numbers.Specials;
        int n = specials.Length;
        Numbers numbers = new(1);
        List<float> a = [], b = [], c = [];
        for (int i = 0; i < n * n; i++)
        {
            a.Add(specials[i / n]);
            b.Add(specials[i % n]);
            c.Add(i % 3 == 0 ? specials[numbers.Below(n)] : numbers.Next());
        }
        while (a.Count < 1600 || a.Count % 16 != 0)
        {
            a.Add(BitConverter.UInt32BitsToSingle((uint)numbers.Below(int.MaxValue) * 2));
            b.Add(numbers.Next());
            c.Add(BitConverter.UInt32BitsToSingle((uint)numbers.Below(int.MaxValue) * 2 + 1));
        }
        return ([.. a], [.. b], [.. c]);
    }

    private static void Same<TBlock>(F32x16Scalar expected, TBlock actual, string what) where TBlock : struct, IF32x16<TBlock>
    {
        float* lanes = stackalloc float[32];
        F32x16Scalar.Store(expected, lanes);
        TBlock.Store(actual, lanes + 16);
        Bits.Equal(new ReadOnlySpan<float>(lanes, 16), new ReadOnlySpan<float>(lanes + 16, 16), what);
    }
}
