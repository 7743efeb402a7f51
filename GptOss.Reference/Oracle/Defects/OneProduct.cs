using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Products;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>The mistaken kernels for one of the two expert products, the sound ones for everything else.</summary>
/// <param name="inner">The sound kernels.</param>
/// <param name="mistaken">The mistaken ones.</param>
/// <param name="product">0 for the first product, 1 for the second.</param>
internal sealed class OneProduct(Kernels inner, Kernels mistaken, int product) : ProductDecorator(inner)
{
    internal override void ExpertLinear(Rows x, int share, Weights w, StoredVector bias, ExpertGroups groups, bool deinterleave, Rows output) =>
        (IsFirst(share, deinterleave) == (product == 0) ? mistaken.Products : Inner).ExpertLinear(x, share, w, bias, groups, deinterleave, output);
}
