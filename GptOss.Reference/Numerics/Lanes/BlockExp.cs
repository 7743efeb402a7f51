using System.Runtime.CompilerServices;

namespace GptOss.Reference.Numerics.Lanes;

/// <summary>e^x in float32 on the sixteen-lane block.</summary>
/// <remarks>
/// exp(±0) = 1 exactly; NaN stays NaN; above 88.72283 +∞; below −87.33654, where results would be subnormal, +0 by definition, so that no
/// slow path exists. Range reduction by ln 2 in two parts, the Taylor series to r^7 in fused multiply-adds (remainder below 5.3e-9),
/// the power of two by integer addition to the exponent. Over every float32 in between the largest error is 0.9387 ulp (all 2,237,668,968
/// values against double; <c>GPTOSS_BIG_TESTS=exp</c> measures it again).
/// </remarks>
internal static class BlockExp
{
    private const float Largest = 88.72283f, Smallest = -87.33654f;

    // Adding 1.5·2^23 rounds to an integer, ties to even, and leaves that integer in the low bits of the sum.
    private const float RoundingShift = 12582912f;

    // The high part of ln 2 has 15 significant bits, so its product with n ≤ 128 is exact and the first subtraction loses nothing.
    private const float Ln2High = 0.693145751953125f, Ln2Low = 1.428606765330187e-6f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TBlock Exp<TBlock>(TBlock x) where TBlock : struct, IF32x16<TBlock>
    {
        TBlock shifted = TBlock.FusedMultiplyAdd(x, TBlock.Broadcast(1.44269504f), TBlock.Broadcast(RoundingShift));
        TBlock minusN = TBlock.Broadcast(RoundingShift) - shifted;
        TBlock r = TBlock.FusedMultiplyAdd(minusN, TBlock.Broadcast(Ln2High), x);
        r = TBlock.FusedMultiplyAdd(minusN, TBlock.Broadcast(Ln2Low), r);

        TBlock p = TBlock.FusedMultiplyAdd(TBlock.Broadcast(1f / 5040), r, TBlock.Broadcast(1f / 720));
        p = TBlock.FusedMultiplyAdd(p, r, TBlock.Broadcast(1f / 120));
        p = TBlock.FusedMultiplyAdd(p, r, TBlock.Broadcast(1f / 24));
        p = TBlock.FusedMultiplyAdd(p, r, TBlock.Broadcast(1f / 6));
        p = TBlock.FusedMultiplyAdd(p, r, TBlock.Broadcast(1f / 2));
        p = TBlock.FusedMultiplyAdd(p, r, TBlock.Broadcast(1f));
        p = TBlock.FusedMultiplyAdd(p, r, TBlock.Broadcast(1f));

        TBlock result = TBlock.AddToExponent(p, shifted);
        result = TBlock.IfLess(x, TBlock.Broadcast(Smallest), TBlock.Zero, result);
        result = TBlock.IfLess(TBlock.Broadcast(Largest), x, TBlock.Broadcast(float.PositiveInfinity), result);
        return TBlock.IfNaN(x, result);
    }

    /// <summary>The same function of one number, with the same bits.</summary>
    internal static float Scalar(float x) => Exp(F32x16Scalar.Broadcast(x))[0];

    /// <summary>output[i] = e^input[i] for rows of any length.</summary>
    internal static unsafe void Apply<TBlock>(ReadOnlySpan<float> input, Span<float> output) where TBlock : struct, IF32x16<TBlock>
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(output.Length, input.Length);
        float* tail = stackalloc float[16];
        fixed (float* x = input, y = output)
        {
            int i = 0;
            for (; i + 16 <= input.Length; i += 16)
                TBlock.Store(Exp(TBlock.Load(x + i)), y + i);
            if (i < input.Length)
            {
                new ReadOnlySpan<float>(x + i, input.Length - i).CopyTo(new Span<float>(tail, 16));
                TBlock.Store(Exp(TBlock.Load(tail)), tail);
                new ReadOnlySpan<float>(tail, input.Length - i).CopyTo(output[i..]);
            }
        }
    }
}
