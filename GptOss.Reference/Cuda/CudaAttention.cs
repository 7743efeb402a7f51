using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>One attention block on the card: what <see cref="AttentionBlock"/> is on the processor.</summary>
internal sealed class CudaAttention : Block
{
    private readonly CudaModel _model;
    private readonly GptOssConfig _config;
    private readonly int _layer;
    private readonly AttentionView _view;
    private readonly ulong _norm, _sinks;
    private readonly DeviceMatrix _qkv, _out;

    /// <summary>Puts the weights of a layer on the card.</summary>
    internal CudaAttention(CudaModel model, AttentionBlockWeights weights, GptOssConfig config, int layer, AttentionKernels kernels)
    {
        (_model, _config, _layer) = (model, config, layer);
        _view = new(weights.Sinks, config, layer, kernels);
        _norm = model.Memory.Keep(weights.Norm);
        _qkv = model.Memory.Keep($"qkv of layer {layer}", weights.Qkv, weights.QkvBias);
        _sinks = model.Memory.Keep(weights.Sinks);
        _out = model.Memory.Keep($"the output of attention in layer {layer}", [weights.Out], [weights.OutBias]);
        Shape = new(config.NumAttentionHeads, config.NumKeyValueHeads, config.HeadDim, config.WindowOf(layer) ?? 0,
            Sequence.RingPositions(config, layer) ?? int.MaxValue);
    }

    private DeviceAttention Shape { get; }

    /// <inheritdoc/>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Scratch scratch, ref TObserver observer)
    {
        residual.OnDevice(_model);
        (DeviceKernels kernels, WorkMemory work, StageRows stages, int count) = (_model.Kernels, _model.Work, _model.Stages, chunk.Count);
        DeviceTokens tokens = _model.Step.Tokens(_layer);

        kernels.RmsNorm(work.X, _norm, work.T, count, _config.HiddenSize, _config.RmsNormEps);
        stages.Show(chunk, Stage.AttentionNorm, _layer, work.T, _config.HiddenSize, ref observer);
        kernels.Linear(work.T, _qkv, work.Qkv, count);
        stages.Show(chunk, Stage.Qkv, _layer, work.Qkv, Shape.Width, ref observer);

        kernels.RotateAndKeep(work.Qkv, _model.Step.Turns, tokens, Shape);
        ShowRotated(chunk, tokens, ref observer);

        kernels.Attend(work.Qkv, _sinks, work.Scores, work.ScoreBytes, work.Attended, tokens, Shape);
        stages.Show(chunk, Stage.Heads, _layer, work.Attended, _config.QuerySize, ref observer);

        kernels.Linear(work.Attended, _out, work.X, count, add: true);
        stages.Show(chunk, Stage.AttentionResidual, _layer, work.X, _config.HiddenSize, ref observer);
    }

    /// <summary>Shows rotated queries and keys, which the observer may change before they are used; then what heads give to keys.</summary>
    private void ShowRotated<TObserver>(Chunk chunk, DeviceTokens tokens, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        if (!TObserver.IsActive)
            return;
        Rows qkv = _model.Stages.Download(_model.Work.Qkv, chunk.Count, Shape.Width), q = qkv.Columns(0, _config.QuerySize);
        chunk.Show(Stage.Query, _layer, q, ref observer);
        chunk.Show(Stage.Key, _layer, qkv.Columns(_config.QuerySize, _config.KeyValueSize), ref observer);
        _model.Stages.Upload(qkv, _model.Work.Qkv);
        _model.Kernels.Keep(_model.Work.Qkv, tokens, Shape);
        if (WantsAttention(chunk, ref observer))
            _view.Show(q, chunk, QueriesOnHost(chunk), ref observer);
    }

    private bool WantsAttention<TObserver>(Chunk chunk, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        if (!TObserver.SeesAttention)
            return false;
        foreach (RowOrigin origin in chunk.Origins)
        {
            if (observer.WantsAttention(_layer, origin))
                return true;
        }
        return false;
    }

    /// <summary>The keys that the tokens see, in this process's memory, for a second computation of what a pass does not keep.</summary>
    private QueryRow[] QueriesOnHost(Chunk chunk)
    {
        var queries = new QueryRow[chunk.Count];
        for (int first = 0, end; first < queries.Length; first = end)
        {
            (Sequence sequence, int from) = chunk.Origins[first];
            for (end = first + 1; end < queries.Length && chunk.Origins[end].Sequence == sequence; end++)
            {
            }
            int visible = Shape.Window > 0 ? Math.Max(0, from + 1 - Shape.Window) : 0;
            HostCache keys = ((CudaCache)sequence.Cache(_layer)).KeysToHost(_model.Gpu, Shape, visible, from + end - first);
            for (int row = first; row < end; row++)
                queries[row] = new(keys, chunk.Origins[row].Position);
        }
        return queries;
    }
}
