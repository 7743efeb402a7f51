using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>A product of weights with activations in 8 bits.</summary>
/// <remarks>The inputs of <see cref="Product"/> are rows of <see cref="IntegerStep"/>s here.</remarks>
internal readonly unsafe struct IntegerProductCall<TBlock, TBytes>(WorkerPool pool, Product product, IntegerInputs inputs) : IIntegerJob
    where TBlock : struct, IF32x16<TBlock>
    where TBytes : struct, IByteVector<TBytes>
{
    public void Run<TRows>(TRows rows) where TRows : unmanaged, IIntegerRows<TRows>
    {
        inputs.Round(pool, TRows.Order);
        IntegerProductJob<TBlock, TBytes, TRows> job = new(product, rows);
        pool.Run(ref job);
    }
}
