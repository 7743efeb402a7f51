using GptOss.Reference.Model;

namespace GptOss.Reference.Cuda;

/// <summary>Blocks that follow each other on the card. For few tokens their launches are replayed.</summary>
/// <param name="model">The model.</param>
/// <param name="blocks">The blocks, in their order.</param>
internal sealed class CudaSegment(CudaModel model, Block[] blocks) : Block
{
    /// <inheritdoc/>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Scratch scratch, ref TObserver observer)
    {
        residual.OnDevice(model);
        if (chunk.Count > DeviceKernels.FewTokens || model.Kernels.AreTimed)
            Launch(residual, chunk, scratch);
        else
            model.Graphs.Run(this, chunk.Count, model.Step.MostKeys, () => Launch(residual, chunk, scratch));
    }

    private void Launch(Residual residual, Chunk chunk, Scratch scratch)
    {
        NoObserver none = default;
        foreach (Block block in blocks)
            block.Forward(residual, chunk, scratch, ref none);
    }
}
