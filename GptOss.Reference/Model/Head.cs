using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>What follows the layers: the final norm and the unembedding of the tokens whose logits are wanted.</summary>
internal abstract class Head
{
    /// <summary>Computes the logits of the wanted tokens.</summary>
    /// <param name="residual">[tokens, hidden]: the residual stream after the last block.</param>
    /// <param name="chunk">The tokens, at least one of them wanted.</param>
    /// <param name="logits">[wanted tokens, vocabulary], receives the logits.</param>
    /// <param name="observer">Receives each stage before it is used.</param>
    internal abstract void Forward<TObserver>(Residual residual, Chunk chunk, Rows logits, ref TObserver observer)
        where TObserver : struct, IStageObserver;
}
