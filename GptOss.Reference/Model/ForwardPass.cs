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
    private readonly float[] _norm;
    private readonly Block[] _blocks;                                  // attention and experts of layer 0, of layer 1, …
    private readonly Kernels _kernels;
    private readonly Scratch _residual = new(), _scratch = new();

    /// <summary>Builds the blocks over <paramref name="weights"/>; nothing is copied.</summary>
    /// <param name="weights">The checkpoint's weights.</param>
    /// <param name="config">The checkpoint's numbers.</param>
    /// <param name="kernels">The arithmetic.</param>
    /// <param name="variant">What this model does otherwise; <see cref="ModelVariant.Sound"/> for nothing.</param>
    internal ForwardPass(ModelWeights weights, GptOssConfig config, Kernels kernels, ModelVariant variant)
    {
        ModelVariant whole = variant.At(layer: null);
        GptOssConfig c = Config = whole.Config(config);
        _weights = weights;
        _norm = whole.FinalNorm(weights.Norm);
        _kernels = whole.Kernels(kernels);
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
            _blocks[2 * layer] = new AttentionBlock(here.Attention(weights.Attention[layer], own), own, layer, operations);
            _blocks[2 * layer + 1] = new ExpertBlock(here.Experts(weights.Experts[layer], own), own, layer, operations);
        }
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
    /// <param name="cancellation">Checked before every block.</param>
    internal void Run<TObserver>(Chunk chunk, Rows logits, ref TObserver observer, CancellationToken cancellation)
        where TObserver : struct, IStageObserver
    {
        int tokens = chunk.Count, wanted = chunk.Wanted.Length, hidden = Config.HiddenSize;
        _residual.Reset((tokens + 2 * wanted) * Scratch.Stride(hidden));
        Rows x    = _residual.Rows(tokens, hidden);                    // [tokens, hidden]: the residual stream
        Rows last = _residual.Rows(wanted, hidden);                    // [wanted, hidden]: its rows whose logits are wanted
        Rows t    = _residual.Rows(wanted, hidden);                    // [wanted, hidden]: the same, normalised

        for (int row = 0; row < tokens; row++)
            _weights.Embedding.Decode(chunk.Tokens[row], x[row]);
        chunk.Show(Stage.Embedding, -1, x, ref observer);

        foreach (Block block in _blocks)
        {
            cancellation.ThrowIfCancellationRequested();
            block.Forward(x, chunk, _scratch, ref observer);
        }

        if (wanted == 0)
            return;
        cancellation.ThrowIfCancellationRequested();
        for (int row = 0; row < wanted; row++)
            x[chunk.Wanted[row]].CopyTo(last[row]);
        Norm(last, t);
        chunk.ShowWanted(Stage.Norm, t, ref observer);
        Unembed(t, logits);
        chunk.ShowWanted(Stage.Logits, logits, ref observer);
    }

    /// <summary>The final norm. Both are [n, hidden].</summary>
    internal void Norm(Rows x, Rows t) => _kernels.RowWise.RmsNorm(x, _norm, Config.RmsNormEps, t);

    /// <summary>The logits of normalised rows. <paramref name="t"/> is [n, hidden], <paramref name="logits"/> [n, vocabulary].</summary>
    internal void Unembed(Rows t, Rows logits) => _kernels.Products.Linear(t, _weights.Unembedding, bias: default, logits);

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
        _residual.Reset(x.Count * Scratch.Stride(Config.HiddenSize));
        Rows inside = _residual.Rows(x.Count, Config.HiddenSize);      // where kernels may read past the end of a row
        x.CopyTo(inside);
        _blocks[2 * layer + (isAttention ? 0 : 1)].Forward(inside, chunk, _scratch, ref observer);
        inside.CopyTo(x);
    }
}
