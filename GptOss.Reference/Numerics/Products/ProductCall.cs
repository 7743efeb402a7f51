using GptOss.Reference.Numerics.Formats;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics.Products;

/// <summary>Runs a product on the rows that the weights' format gives.</summary>
internal readonly struct ProductCall<TBlock, TVector, TProfile>(WorkerPool pool, Product product) : IWeightsJob
    where TBlock : struct, IF32x16<TBlock>
    where TVector : struct, IVector<TVector>
    where TProfile : struct, IProfile
{
    public void Run<TRows>(TRows rows) where TRows : unmanaged, IWeightRows
    {
        ProductJob<TBlock, TVector, TRows, TProfile> job = new(product, rows);
        pool.Run(ref job);
    }
}
