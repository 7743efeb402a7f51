using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Reference.Model;

/// <summary>One attention block: norm, project, rotate, attend, project, add.</summary>
internal sealed class AttentionBlock(AttentionBlockWeights weights, GptOssConfig config, int layer, Kernels kernels) : Block
{
    // In the published models even layers look back over a window and odd layers see the whole context.
    private readonly int? _window = config.WindowOf(layer);
    private readonly AttentionView _view = new(weights.Sinks, config, layer, kernels.Attention);

    /// <summary>Floats of scratch memory for one token.</summary>
    internal static long ScratchFloats(GptOssConfig config) =>
        (long)Scratch.Stride(config.HiddenSize) + Scratch.Stride(config.QuerySize + 2 * config.KeyValueSize) + Scratch.Stride(config.QuerySize);

    /// <inheritdoc/>
    internal override void Forward<TObserver>(Residual residual, Chunk chunk, Scratch scratch, ref TObserver observer)
    {
        Rows x        = residual.OnHost();                                                    // [tokens, hidden]
        scratch.Reset(x.Count * ScratchFloats(config));
        Rows t        = scratch.Rows(x.Count, config.HiddenSize);                             // [tokens, hidden]
        Rows qkv      = scratch.Rows(x.Count, config.QuerySize + 2 * config.KeyValueSize);    // [tokens, (heads + 2·kvHeads)·headDim]
        Rows attended = scratch.Rows(x.Count, config.QuerySize);                              // [tokens, heads·headDim]
        Rows q = qkv.Columns(0, config.QuerySize);
        Rows k = qkv.Columns(config.QuerySize, config.KeyValueSize);
        Rows v = qkv.Columns(config.QuerySize + config.KeyValueSize, config.KeyValueSize);

        kernels.RowWise.RmsNorm(x, weights.Norm, config.RmsNormEps, t);
        chunk.Show(Stage.AttentionNorm, layer, t, ref observer);
        Project(t, qkv);
        chunk.Show(Stage.Qkv, layer, qkv, ref observer);

        kernels.RowWise.Rotate(q, chunk.Cosines, chunk.Sines);
        chunk.Show(Stage.Query, layer, q, ref observer);
        kernels.RowWise.Rotate(k, chunk.Cosines, chunk.Sines);
        chunk.Show(Stage.Key, layer, k, ref observer);
        chunk.Cache(layer, k, v);

        kernels.Attention.Attend(chunk.QueriesOf(layer), q, weights.Sinks, config.NumKeyValueHeads, config.HeadDim, _window, attended);
        _view.Show(q, chunk, ref observer);
        chunk.Show(Stage.Heads, layer, attended, ref observer);

        kernels.Products.Linear(attended, weights.Out, weights.OutBias, t);
        kernels.RowWise.Add(x, t);
        chunk.Show(Stage.AttentionResidual, layer, x, ref observer);
    }

    /// <summary>Queries, keys and values: one product, or three where the checkpoint stores three matrices.</summary>
    private void Project(Rows t, Rows qkv)
    {
        for (int part = 0, column = 0; part < weights.Qkv.Count; column += weights.Qkv[part++].Rows)
            kernels.Products.Linear(t, weights.Qkv[part], weights.QkvBias[part], qkv.Columns(column, weights.Qkv[part].Rows));
    }
}
