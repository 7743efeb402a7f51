using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>Single blocks on given rows: how a block is compared with a recording of it whose input was recorded too.</summary>
public sealed partial class Transformer
{
    /// <summary>The angles by which heads turn.</summary>
    internal RotaryTable Rotary => _rotary;

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
            using Sequence sequence = NewSequence();
            for (int row = 0; row < qkv.Count; row++)
            {
                _chunk.Clear();
                _chunk.Add(sequence, positions[row], [0], _rotary);
                _kernels.RowWise.Rotate(qkv.Slice(row, 1).Columns(0, Config.QuerySize + Config.KeyValueSize), _chunk.Cosines, _chunk.Sines);
            }
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
            _kernels.RowWise.RmsNorm(x, _norm, Config.RmsNormEps, norm);
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
            _kernels.Products.Linear(norm, _weights.Unembedding, bias: default, logits);
        }
    }

    private void RunBlock<TObserver>(int layer, Rows x, bool isAttention, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            using Sequence sequence = NewSequence();
            for (int first = 0; first < x.Count; first += _chunkTokens)
            {
                Rows part = x.Slice(first, Math.Min(_chunkTokens, x.Count - first));
                Rows inside = EnterRows(part, sequence);
                _scratch.Reset(part.Count * (isAttention ? AttentionBlock.ScratchFloats(Config) : ExpertBlock.ScratchFloats(Config)));
                if (isAttention)
                    _attention[layer].Forward(inside, _chunk, _scratch, ref observer);
                else
                    _experts[layer].Forward(inside, _chunk, _scratch, ref observer);
                inside.CopyTo(part);
                sequence.Commit(part.Count);
            }
        }
    }

    /// <summary>Fills the chunk with the next positions of a sequence and copies their rows to where kernels may read past the end.</summary>
    private Rows EnterRows(Rows x, Sequence sequence)
    {
        sequence.Reserve(x.Count);
        _chunk.Clear();
        _chunk.Add(sequence, sequence.Length, new int[x.Count], _rotary);
        _residual.Reset(x.Count * Scratch.Stride(Config.HiddenSize));
        Rows inside = _residual.Rows(x.Count, Config.HiddenSize);
        x.CopyTo(inside);
        return inside;
    }
}
