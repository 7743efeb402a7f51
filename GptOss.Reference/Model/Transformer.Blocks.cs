using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>Single blocks on given rows: how a block is compared with a recording of it whose input was recorded too.</summary>
public sealed partial class Transformer
{
    /// <summary>The angles by which heads turn.</summary>
    internal RotaryTable Rotary => _pass.Rotary;

    /// <summary>The attention block of one layer on its own, for tokens at positions 0, 1, 2, …</summary>
    /// <param name="layer">0-based.</param>
    /// <param name="x">[tokens, hidden]: the residual stream before the block, and after it when the call returns.</param>
    /// <param name="observer">Sees the stages of the block.</param>
    internal void RunAttentionBlock<TObserver>(int layer, Rows x, ref TObserver observer) where TObserver : struct, IStageObserver =>
        RunBlock(layer, x, isAttention: true, ref observer);

    /// <summary>The expert block of one layer on its own. The observer's positions are the numbers of the rows.</summary>
    /// <inheritdoc cref="RunAttentionBlock" path="/param"/>
    internal void RunExpertBlock<TObserver>(int layer, Rows x, ref TObserver observer) where TObserver : struct, IStageObserver =>
        RunBlock(layer, x, isAttention: false, ref observer);

    /// <summary>Turns the queries and keys of recorded rows in place; values stay.</summary>
    /// <param name="qkv">[tokens, (heads + 2·kvHeads)·headDim].</param>
    /// <param name="positions">Position of each row.</param>
    internal void RunRotation(Rows qkv, ReadOnlySpan<int> positions)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            _pass.Rotate(qkv.Columns(0, Config.QuerySize + Config.KeyValueSize), positions);
        }
    }

    /// <summary>The final norm of rows of the residual stream after the last block.</summary>
    /// <param name="x">[tokens, hidden].</param>
    /// <param name="norm">[tokens, hidden], receives the norm.</param>
    internal void RunNorm(Rows x, Rows norm)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            _pass.Norm(x, norm);
        }
    }

    /// <summary>The logits of rows that the final norm has been applied to.</summary>
    /// <param name="norm">[tokens, hidden].</param>
    /// <param name="logits">[tokens, vocabulary], receives the logits.</param>
    internal void RunUnembedding(Rows norm, Rows logits)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            _pass.Unembed(norm, logits);
        }
    }

    private void RunBlock<TObserver>(int layer, Rows x, bool isAttention, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            using Sequence sequence = NewSequence();
            Chunk chunk = _pass.NewChunk();
            for (int first = 0; first < x.Count; first += chunk.Count)
            {
                chunk.Clear();
                Rows part = x.Slice(first, Math.Min(chunk.Room, x.Count - first));
                chunk.Add(new(sequence, new int[part.Count], LogitRows.None), 0, part.Count);
                _pass.RunBlock(layer, isAttention, part, chunk, ref observer);
                chunk.Commit();
            }
        }
    }
}
