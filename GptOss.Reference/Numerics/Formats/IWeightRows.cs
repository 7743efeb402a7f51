using GptOss.Reference.Numerics.Lanes;

namespace GptOss.Reference.Numerics.Formats;

/// <summary>Stored weight rows as the products read them. Lengths were checked when it was made.</summary>
/// <remarks>
/// The matrices of a <see cref="Weights"/> follow each other: row r of matrix m is row m · rows + r. Columns are padded to whole blocks of sixteen
/// lanes, and the activations are in the format's lane order: lane j of step i of the dot product is element 16·i + j of the activation row. That is
/// the natural order, except where <see cref="Weights.ReadsPairs"/> says otherwise.
/// </remarks>
internal unsafe interface IWeightRows
{
    /// <summary>Columns, padded to a multiple of 16.</summary>
    int PaddedColumns { get; }

    /// <summary>
    /// Writes columns <paramref name="begin"/> … <paramref name="end"/> − 1 (multiples of 32, or the padded end) of <paramref name="rows"/> ≤ 4 rows
    /// as float32, in lane order, one row every <paramref name="stride"/> elements. Of fewer than four, the content of the others is unspecified.
    /// </summary>
    /// <remarks>Prefetches the same columns <paramref name="rowsAhead"/> rows further on, where the next panel is.</remarks>
    void Widen4<TBlock>(nint row, int rows, int begin, int end, int rowsAhead, float* target, nint stride) where TBlock : struct, IF32x16<TBlock>;

    /// <summary>
    /// Writes the lane sums of four consecutive rows with a few activation rows, [token][row][lane], straight from the stored weights; false, and
    /// nothing done, where this format has no such loop at this width.
    /// </summary>
    bool TryMultiply4<TVector>(nint row, float** x, int tokens, float* sums) where TVector : struct, IVector<TVector>;

    /// <summary>The dot products of four consecutive rows with one activation row.</summary>
    void Dot4<TBlock>(nint row, float* x, float* dots) where TBlock : struct, IF32x16<TBlock>;

    /// <summary>The dot product of one row with one activation row.</summary>
    float Dot<TBlock>(nint row, float* x) where TBlock : struct, IF32x16<TBlock>;
}
