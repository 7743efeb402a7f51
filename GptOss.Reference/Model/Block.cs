namespace GptOss.Reference.Model;

/// <summary>Half a layer, attention or experts: reads the residual stream and adds to it.</summary>
internal abstract class Block
{
    /// <summary>Adds this block's output to the residual stream, in place.</summary>
    /// <param name="residual">[tokens, hidden]: the residual stream.</param>
    /// <param name="chunk">The tokens that the rows belong to.</param>
    /// <param name="scratch">Memory for intermediate rows, the block's own until it returns.</param>
    /// <param name="observer">Receives each stage before the block uses it.</param>
    internal abstract void Forward<TObserver>(Residual residual, Chunk chunk, Scratch scratch, ref TObserver observer)
        where TObserver : struct, IStageObserver;
}
