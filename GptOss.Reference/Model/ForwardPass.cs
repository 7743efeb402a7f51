using GptOss.Reference.Checkpoints.Configuration;
using GptOss.Reference.Model.Stages;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.RowKernels;

namespace GptOss.Reference.Model;

/// <summary>gpt-oss, token ids to logits: embed, then attention and experts in every layer, then norm and unembed.</summary>
/// <remarks>Source: <c>gpt_oss/torch/model.py</c>, <c>Transformer</c>. Not thread-safe.</remarks>
internal sealed class ForwardPass
{
    private readonly ModelWeights _weights;
    private readonly HostHead _hostHead;
    private readonly Head _head;
    private readonly DeviceModel? _device;
    private readonly Block[] _blocks;                                  // attention and experts of layer 0, of layer 1, …
    private readonly Block[] _joined;                                  // the same, those that follow each other on a device as one
    private readonly Kernels _kernels;
    private readonly Residual _residual = new();
    private readonly Scratch _scratch = new();

    /// <summary>Builds the blocks over <paramref name="weights"/>; nothing is copied.</summary>
    /// <param name="weights">The checkpoint's weights.</param>
    /// <param name="config">The checkpoint's numbers.</param>
    /// <param name="kernels">The arithmetic.</param>
    /// <param name="variant">What this model does otherwise; <see cref="ModelVariant.Sound"/> for nothing.</param>
    /// <param name="device">The sound model on a device; null for the processor alone.</param>
    internal ForwardPass(ModelWeights weights, GptOssConfig config, Kernels kernels, ModelVariant variant, DeviceModel? device)
    {
        ModelVariant whole = variant.At(layer: null);
        GptOssConfig c = Config = whole.Config(config);
        _weights = weights;
        _device = device;
        _kernels = whole.Kernels(kernels);
        _hostHead = new(whole.FinalNorm(weights.Norm), weights.Unembedding, c.RmsNormEps, _kernels);
        _head = device?.Head ?? _hostHead;
        Rotary = whole.Rotary(new(c.HeadDim, c.RopeTheta, c.RopeScalingFactor, c.InitialContextLength, c.RopeNtkAlpha, c.RopeNtkBeta,
            c.RoundsYarnBounds), c);
        _blocks = new Block[2 * c.NumHiddenLayers];
        for (int layer = 0; layer < c.NumHiddenLayers; layer++)
        {
            ModelVariant here = variant.At(layer);
            bool isAlone = here != whole;
            // A single layer keeps the model's windows, for which the caches are made.
            GptOssConfig own = isAlone ? here.Config(c) with { SlidingWindow = c.SlidingWindow, SlidingLayers = c.SlidingLayers } : c;
            Kernels operations = isAlone ? here.Kernels(kernels) : _kernels;
            _blocks[2 * layer] = device?.Attention(layer)
                ?? new AttentionBlock(here.Attention(weights.Attention[layer], own), own, layer, operations);
            _blocks[2 * layer + 1] = device?.Experts(layer)
                ?? new ExpertBlock(here.Experts(weights.Experts[layer], own), own, layer, operations);
        }
        _joined = device?.Join(_blocks) ?? _blocks;
    }

    /// <summary>The model's numbers.</summary>
    internal GptOssConfig Config { get; }

    /// <summary>The angles by which heads turn.</summary>
    internal RotaryTable Rotary { get; }

    /// <summary>An empty chunk of as many tokens as may pass together.</summary>
    internal Chunk NewChunk() => new(Rotary, Config.HeadDim, ModelLimits.ChunkTokens(Config));

    /// <summary>Runs one chunk through the whole model.</summary>
    /// <param name="chunk">The tokens; their keys and values are cached, and count once the caller commits them.</param>
    /// <param name="logits">[wanted tokens, vocabulary], receives the logits.</param>
    /// <param name="observer">Receives each stage before the pass uses it.</param>
    /// <param name="cancellation">Checked before every block; before those that a device runs as one.</param>
    internal void Run<TObserver>(Chunk chunk, Rows logits, ref TObserver observer, CancellationToken cancellation)
        where TObserver : struct, IStageObserver
    {
        int tokens = chunk.Count;
        Rows x = _residual.Begin(tokens, Config.HiddenSize);           // [tokens, hidden]: the residual stream

        for (int row = 0; row < tokens; row++)
            _weights.Embedding.Decode(chunk.Tokens[row], x[row]);
        chunk.Show(Stage.Embedding, -1, x, ref observer);

        _device?.Begin(chunk);
        foreach (Block block in TObserver.IsActive ? _blocks : _joined)
        {
            cancellation.ThrowIfCancellationRequested();
            block.Forward(_residual, chunk, _scratch, ref observer);
        }

        if (chunk.Wanted.Length > 0)
        {
            cancellation.ThrowIfCancellationRequested();
            _head.Forward(_residual, chunk, logits, ref observer);
        }
        _device?.End();
    }

    /// <summary>The final norm. Both are [n, hidden].</summary>
    internal void Norm(Rows x, Rows t) => _hostHead.Norm(x, t);

    /// <summary>The logits of normalised rows. <paramref name="t"/> is [n, hidden], <paramref name="logits"/> [n, vocabulary].</summary>
    internal void Unembed(Rows t, Rows logits) => _hostHead.Unembed(t, logits);

    /// <summary>Turns the heads of each row by the angles of its position, in place.</summary>
    /// <param name="heads">[n, any number of heads · headDim].</param>
    /// <param name="positions">[n].</param>
    internal void Rotate(Rows heads, ReadOnlySpan<int> positions)
    {
        int half = Config.HeadDim / 2;
        Rows cosines = new(new float[heads.Count * half], heads.Count, half, half);
        Rows sines = new(new float[heads.Count * half], heads.Count, half, half);
        for (int row = 0; row < heads.Count; row++)
            Rotary.At(positions[row], cosines[row], sines[row]);
        _kernels.RowWise.Rotate(heads, cosines, sines);
    }

    /// <summary>Runs one block on its own; <paramref name="x"/> is the residual stream before it, and after it when the call returns.</summary>
    internal void RunBlock<TObserver>(int layer, bool isAttention, Rows x, Chunk chunk, ref TObserver observer)
        where TObserver : struct, IStageObserver
    {
        x.CopyTo(_residual.Begin(x.Count, Config.HiddenSize));         // where kernels may read past the end of a row
        _device?.Begin(chunk);
        _blocks[2 * layer + (isAttention ? 0 : 1)].Forward(_residual, chunk, _scratch, ref observer);
        _residual.OnHost().CopyTo(x);
    }
}
