using System.Runtime.CompilerServices;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Numerics.Products;

/// <summary>The lists that a <see cref="Product"/> points to, kept between calls.</summary>
internal sealed unsafe class ProductLists
{
    private Memory<nint> _pointers;
    private Memory<ProductGroup> _groups;

    /// <summary>The first matrix and all rows of <paramref name="x"/>.</summary>
    internal Product Whole(Weights w, RowPointers x, int count, VectorPointer bias, RowPointers output)
    {
        Product product = Of(w, bias, groups: 1, count);
        product.Groups[0] = new() { Count = count };
        for (int i = 0; i < count; i++)
        {
            product.Inputs[i] = x[i];
            product.Outputs[i] = output[i];
        }
        return product;
    }

    /// <summary>Every expert's matrix and the rows that chose it; slots of <paramref name="share"/> ranks read the same row.</summary>
    internal Product OfExperts(Weights w, RowPointers x, int share, VectorPointer bias, ExpertGroups experts, RowPointers output)
    {
        Product product = Of(w, bias, experts.Active.Count, experts.Count);
        int at = 0;
        for (int g = 0; g < experts.Active.Count; g++)
        {
            ReadOnlySpan<int> slots = experts.SlotsOf(experts.Active[g]);
            product.Groups[g] = new() { FirstRow = (nint)experts.Active[g] * w.Rows, First = at, Count = slots.Length };
            foreach (int slot in slots)
            {
                product.Inputs[at] = x[slot / share];
                product.Outputs[at++] = output[slot];
            }
        }
        return product;
    }

    private Product Of(Weights w, VectorPointer bias, int groups, int rows)
    {
        if (_pointers.Length < 2 * rows)
            _pointers = AlignedBuffer.Allocate<nint>(2 * rows);
        if (_groups.Length < groups)
            _groups = AlignedBuffer.Allocate<ProductGroup>(groups);
        float** inputs = (float**)Unsafe.AsPointer(ref _pointers.Span[0]);      // pinned, see AlignedBuffer
        return new()
        {
            Groups = (ProductGroup*)Unsafe.AsPointer(ref _groups.Span[0]), GroupCount = groups, Rows = w.Rows, Inputs = inputs,
            Outputs = inputs + rows, Bias = bias,
        };
    }
}
