namespace GptOss.Reference.Numerics.Lanes;

/// <summary>Sixteen float32 lanes, whatever registers hold them. Every kernel is written once over this.</summary>
/// <remarks>
/// A width is a struct type argument that the JIT folds away. <see cref="F32x16Scalar"/> is the definition; the others must equal it
/// bit for bit (all NaNs being one), so every member is an operation that IEEE 754 fixes or an exact one on bits.
/// </remarks>
internal unsafe interface IF32x16<TSelf> where TSelf : struct, IF32x16<TSelf>
{
    /// <summary>The width that this type is.</summary>
    static abstract RegisterWidth Width { get; }

    /// <summary>+0 in every lane.</summary>
    static abstract TSelf Zero { get; }

    /// <summary>One value in every lane.</summary>
    static abstract TSelf Broadcast(float value);

    /// <summary>Lanes 0…15 from sixteen consecutive floats; no alignment is asked for.</summary>
    static abstract TSelf Load(float* lanes);

    /// <summary>Lanes 0…15 from sixteen consecutive bfloat16 values, widened exactly.</summary>
    static abstract TSelf Load(ushort* bfloat16Lanes);

    /// <summary>Writes sixteen consecutive floats.</summary>
    static abstract void Store(TSelf value, float* lanes);

    /// <summary>a · b + sum with one rounding.</summary>
    static abstract TSelf FusedMultiplyAdd(TSelf a, TSelf b, TSelf sum);

    /// <summary>a + b.</summary>
    static abstract TSelf operator +(TSelf a, TSelf b);

    /// <summary>a − b.</summary>
    static abstract TSelf operator -(TSelf a, TSelf b);

    /// <summary>a · b.</summary>
    static abstract TSelf operator *(TSelf a, TSelf b);

    /// <summary>a ÷ b.</summary>
    static abstract TSelf operator /(TSelf a, TSelf b);

    /// <summary>The smaller lane; NaN if either is NaN.</summary>
    static abstract TSelf Min(TSelf a, TSelf b);

    /// <summary>The larger lane; NaN if either is NaN.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>Per lane: a &lt; b ? yes : no; no where either is NaN.</summary>
    static abstract TSelf IfLess(TSelf a, TSelf b, TSelf yes, TSelf no);

    /// <summary>Per lane: value is NaN ? value : other.</summary>
    static abstract TSelf IfNaN(TSelf value, TSelf other);

    /// <summary>Per lane, on the bits: value + (shift &lt;&lt; 23), which multiplies by a power of two where nothing leaves the normal range.</summary>
    static abstract TSelf AddToExponent(TSelf value, TSelf shift);

    /// <summary>Each lane rounded to the nearest bfloat16, ties to even, and widened again; NaN stays NaN.</summary>
    static abstract TSelf RoundToBfloat16(TSelf value);

    /// <summary>
    /// The 32 weights of one MXFP4 block of 16 bytes: lane j of <paramref name="even"/> is element 2j (the low nibble of byte j), lane j of
    /// <paramref name="odd"/> element 2j + 1 (the high one).
    /// </summary>
    /// <param name="block">16 bytes.</param>
    /// <param name="values">The sixteen values of the block's scale, <c>Mxfp4.ScaledValues</c>.</param>
    /// <param name="even">The even elements.</param>
    /// <param name="odd">The odd elements.</param>
    static abstract void DecodeMxfp4(byte* block, float* values, out TSelf even, out TSelf odd);

    /// <summary>Half a block of a <c>PackedMatrix</c>: two rows of 32 weights, each as two blocks of lanes.</summary>
    /// <param name="lows">64 low bytes.</param>
    /// <param name="numbers">64 bytes of two numbers each.</param>
    /// <param name="shift">0 for the numbers in the low halves of those bytes, 4 for the high ones.</param>
    /// <param name="highs">The sixteen high bytes that numbers stand for.</param>
    /// <param name="a0">Columns 0…15 of the first row.</param>
    /// <param name="a1">Columns 16…31 of the first row.</param>
    /// <param name="b0">Columns 0…15 of the second row.</param>
    /// <param name="b1">Columns 16…31 of the second row.</param>
    static abstract void Unpack(byte* lows, byte* numbers, int shift, byte* highs, out TSelf a0, out TSelf a1, out TSelf b0, out TSelf b1);

    /// <summary>The sum of the lanes in the fixed order: lane[i] += lane[i + n] for n = 8, 4, 2, 1; lane 0.</summary>
    static abstract float Reduce(TSelf value);

    /// <summary>Writes the sums of four blocks, each as <see cref="Reduce"/> gives it: one tree over all four costs less than half of four trees.</summary>
    static abstract void Reduce4(TSelf a, TSelf b, TSelf c, TSelf d, float* sums);
}
