using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>One attention layer: norm, project, rotate, attend, project, add.</summary>
internal sealed class AttentionBlock(AttentionWeights weights, GptOssConfig config, int layer, Kernels kernels)
{
    // In the published models even layers look back over a window and odd layers see the whole context.
    private readonly int? _window = config.WindowOf(layer);

    /// <summary>Floats of scratch memory for one token.</summary>
    internal static long ScratchFloats(GptOssConfig config) =>
        (long)Scratch.Stride(config.HiddenSize) + Scratch.Stride(config.QuerySize + 2 * config.KeyValueSize) + Scratch.Stride(config.QuerySize);

    /// <summary>Adds this layer's attention to the residual stream <paramref name="x"/>, in place.</summary>
    internal void Forward<TObserver>(Rows x, Chunk chunk, Scratch scratch, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        Rows t        = scratch.Rows(x.Count, config.HiddenSize);                             // [tokens, hidden]
        Rows qkv      = scratch.Rows(x.Count, config.QuerySize + 2 * config.KeyValueSize);    // [tokens, (heads + 2·kvHeads)·headDim]
        Rows attended = scratch.Rows(x.Count, config.QuerySize);                              // [tokens, heads·headDim]
        Rows q = qkv.Columns(0, config.QuerySize);
        Rows k = qkv.Columns(config.QuerySize, config.KeyValueSize);
        Rows v = qkv.Columns(config.QuerySize + config.KeyValueSize, config.KeyValueSize);

        kernels.RowWise.RmsNorm(x, weights.Norm, config.RmsNormEps, t);
        if (TObserver.IsActive)
            observer.Observe(Stage.AttentionNorm, layer, chunk.Origins, t);
        Project(t, qkv);
        if (TObserver.IsActive)
            observer.Observe(Stage.Qkv, layer, chunk.Origins, qkv);

        kernels.RowWise.Rotate(q, chunk.Cosines, chunk.Sines);
        kernels.RowWise.Rotate(k, chunk.Cosines, chunk.Sines);
        if (TObserver.IsActive)
        {
            observer.Observe(Stage.Query, layer, chunk.Origins, q);
            observer.Observe(Stage.Key, layer, chunk.Origins, k);
        }
        for (int row = 0; row < x.Count; row++)
            chunk.Origins[row].Sequence.HostCache(layer).Write(chunk.Origins[row].Position, k[row], v[row]);

        kernels.Attention.Attend(chunk.QueriesOf(layer), q, weights.Sinks, config.NumKeyValueHeads, config.HeadDim, _window, attended);
        if (TObserver.IsActive && TObserver.SeesAttention)
            ShowProbabilities(q, chunk, ref observer);
        if (TObserver.IsActive)
            observer.Observe(Stage.Heads, layer, chunk.Origins, attended);

        kernels.Products.Linear(attended, weights.Out, weights.OutBias, t);
        kernels.RowWise.Add(x, t);
        if (TObserver.IsActive)
            observer.Observe(Stage.AttentionResidual, layer, chunk.Origins, x);
    }

    /// <summary>Computes the shares of every wanted token's heads a second time and shows them, one head at a time.</summary>
    private void ShowProbabilities<TObserver>(Rows q, Chunk chunk, ref TObserver observer) where TObserver : struct, IStageObserver
    {
        float[] probabilities = [];
        QueryRow[] queries = chunk.QueriesOf(layer);
        for (int row = 0; row < q.Count; row++)
        {
            if (!observer.WantsAttention(layer, chunk.Origins[row]))
                continue;
            int keys = queries[row].Keys(_window);
            if (probabilities.Length < keys)
                probabilities = new float[keys];
            for (int head = 0; head < config.NumAttentionHeads; head++)
            {
                float sink = kernels.Attention.Probabilities(
                    queries[row], q[row].Slice(head * config.HeadDim, config.HeadDim), head / config.QueriesPerKeyValueHead, weights.Sinks[head],
                    probabilities.AsSpan(0, keys));
                observer.ObserveAttention(layer, chunk.Origins[row], head, probabilities.AsSpan(0, keys), sink);
            }
        }
    }

    private void Project(Rows t, Rows qkv)
    {
        for (int part = 0, column = 0; part < weights.Qkv.Count; column += weights.Qkv[part++].Rows)
            kernels.Products.Linear(t, weights.Qkv[part], weights.QkvBias[part], qkv.Columns(column, weights.Qkv[part].Rows));
    }
}
