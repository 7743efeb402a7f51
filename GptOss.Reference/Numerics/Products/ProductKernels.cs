using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Numerics.Products;

/// <summary>Matrix products: one matrix for all rows, or for each row the matrices of the experts that it chose.</summary>
/// <remarks>Not thread-safe.</remarks>
internal abstract class ProductKernels
{
    /// <summary>output = B(x·Wᵀ + bias), or B(x·Wᵀ) with an empty bias. x [n, columns], output [n, rows].</summary>
    /// <remarks>If columns is not a multiple of 16, every row of x needs room up to the next multiple; it is set to zero.</remarks>
    internal abstract void Linear(Rows x, Weights w, StoredVector bias, Rows output);

    /// <summary>For every slot s of expert e: output[s] = B(B(x[s / share]·W_eᵀ) + bias_e).</summary>
    /// <param name="x">Activation rows.</param>
    /// <param name="share">Slots that read the same row: k for the first product of a token, 1 for the second.</param>
    /// <param name="w">The layer's experts.</param>
    /// <param name="bias">[experts, rows].</param>
    /// <param name="groups">The routing.</param>
    /// <param name="deinterleave">Whether even rows go to the first half of the output and odd ones to the second.</param>
    /// <param name="output">[slots, rows].</param>
    /// <remarks>Checks an expert's weights for infinities and NaN when the expert is first chosen.</remarks>
    internal abstract void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output);

    /// <summary>One dot product of a float32 row with a bfloat16 row, for tests of the definition.</summary>
    internal abstract float Dot(ReadOnlySpan<float> x, ReadOnlySpan<ushort> w);

    private protected static void RequireLinear(Rows x, Weights w, StoredVector bias, Rows output)
    {
        Shapes.Require(w.Count == 1 && x.Width == w.Columns && output.Width == w.Rows && output.Count == x.Count, x, output, w.Rows, w.Columns);
        Shapes.Require(bias.Length == 0 || bias.Length == w.Rows, x, output, w.Rows, w.Columns);
    }

    private protected static void RequireExperts(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, Rows output)
    {
        Shapes.Require(x.Width == w.Columns && output.Width == w.Rows && output.Count == groups.Count && x.Count * share == groups.Count, x, output,
            w.Rows, w.Columns);
        Shapes.Require(bias.Length == w.Count * w.Rows, x, output, w.Rows, w.Columns);
        foreach (int expert in groups.Active)
            w.RequireNumbers(expert);
    }
}
