using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Integers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Products;
using GptOss.Reference.Numerics.RowKernels;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Reference.Numerics;

/// <summary>All kernels at one register width and profile, on one worker pool.</summary>
/// <remarks>Entries check shapes; the jobs behind them do not. Not thread-safe.</remarks>
/// <param name="Width">The register width.</param>
/// <param name="Precision">Where values are rounded.</param>
/// <param name="Products">Matrix products.</param>
/// <param name="RowWise">Norm, rotation, routing, SwiGLU, sums.</param>
/// <param name="Attention">Attention over caches.</param>
internal sealed record Kernels(
    RegisterWidth Width, Precision Precision, ProductKernels Products, RowWiseKernels RowWise, AttentionKernels Attention)
{
    /// <summary>The kernels of a width and a profile.</summary>
    /// <exception cref="PlatformNotSupportedException">The machine lacks the width.</exception>
    internal static Kernels Create(RegisterWidth width, Precision precision, WorkerPool pool)
    {
        if (!width.IsSupported())
        {
            throw new PlatformNotSupportedException(
                $"This machine has no {(int)width}-bit registers; the widest it offers is {RegisterWidths.Widest}.");
        }
        return width switch
        {
            RegisterWidth.Scalar => OfWidth<F32x16Scalar, Vector1, BytesScalar>(precision, pool),
            RegisterWidth.V128 when Bytes128.IsSupported => OfWidth<F32x16V128, Vector4, Bytes128>(precision, pool),
            RegisterWidth.V128 => OfWidth<F32x16V128, Vector4, BytesScalar>(precision, pool),
            RegisterWidth.V256 => OfWidth<F32x16V256, Vector8, Bytes256>(precision, pool),
            _ => OfWidth<F32x16V512, Vector16, Bytes512>(precision, pool),
        };
    }

    private static Kernels OfWidth<TBlock, TVector, TBytes>(Precision precision, WorkerPool pool) where TBlock : struct, IF32x16<TBlock>
        where TVector : struct, IVector<TVector>
        where TBytes : struct, IByteVector<TBytes> =>
        precision switch
        {
            Precision.Float32 => Of<TBlock, TVector, Float32Profile>(pool),
            Precision.Bfloat16 => Of<TBlock, TVector, Bfloat16Profile>(pool),
            Precision.Fast => Rounded<TBlock, TBytes>(Of<TBlock, TVector, Float32Profile>(pool), pool),
            _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "There is no such profile."),
        };

    private static Kernels Rounded<TBlock, TBytes>(Kernels exact, WorkerPool pool) where TBlock : struct, IF32x16<TBlock>
        where TBytes : struct, IByteVector<TBytes> =>
        exact with { Precision = Precision.Fast, Products = new RoundedProductKernels<TBlock, TBytes>(pool, exact.Products) };

    private static Kernels Of<TBlock, TVector, TProfile>(WorkerPool pool) where TBlock : struct, IF32x16<TBlock>
        where TVector : struct, IVector<TVector>
        where TProfile : struct, IProfile =>
        new(TBlock.Width, TProfile.Precision, new ProductKernelsOfWidth<TBlock, TVector, TProfile>(pool),
            new RowWiseKernelsOfWidth<TBlock, TProfile>(pool), new AttentionKernelsOfWidth<TBlock, TVector, TProfile>(pool));
}
