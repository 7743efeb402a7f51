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

    /// <summary>Lanes 0…15 from sixteen consecutive floats; they need not be aligned.</summary>
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

    /// <summary>
    /// Per lane, on the bits: value + (shift &lt;&lt; 23), which multiplies by a power of two if nothing leaves the normal range.
    /// </summary>
    static abstract TSelf AddToExponent(TSelf value, TSelf shift);

    /// <summary>Each lane rounded to the nearest bfloat16, ties to even, and widened again; NaN stays NaN.</summary>
    static abstract TSelf RoundToBfloat16(TSelf value);

    /// <summary>The sum of the lanes in the fixed order: lane[i] += lane[i + n] for n = 8, 4, 2, 1; lane 0.</summary>
    static abstract float Reduce(TSelf value);

    /// <summary>
    /// Writes the sums of four blocks, each as <see cref="Reduce"/> gives it: one tree over all four costs less than half of four trees.
    /// </summary>
    static abstract void Reduce4(TSelf a, TSelf b, TSelf c, TSelf d, float* sums);
}
