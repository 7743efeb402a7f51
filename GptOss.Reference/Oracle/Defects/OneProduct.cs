using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Oracle.Defects;

/// <summary>The mistaken operations for one of the two expert products, the sound ones for everything else.</summary>
/// <param name="inner">The sound operations.</param>
/// <param name="mistaken">The mistaken ones.</param>
/// <param name="product">0 for the first product, 1 for the second.</param>
internal sealed class OneProduct(Kernels inner, Kernels mistaken, int product) : KernelDecorator(inner)
{
    private int _next;

    internal override void ToLaneOrder(Rows x, Rows output) => Of(_next).ToLaneOrder(x, output);

    internal override void ExpertLinear(Rows x, int share, in Mxfp4Experts w, ReadOnlySpan<ushort> bias, ExpertGroups groups, bool deinterleave, Rows output)
    {
        int current = deinterleave ? 0 : 1;
        Of(current).ExpertLinear(x, share, w, bias, groups, deinterleave, output);
        _next = 1 - current;                           // activations are put into lane order before their product
    }

    private Kernels Of(int which) => which == product ? mistaken : Inner;
}
