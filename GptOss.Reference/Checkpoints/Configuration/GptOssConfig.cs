namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>The numbers that shape a gpt-oss model. Sizes come from <c>config.json</c>; everything derivable is a property.</summary>
/// <remarks>
/// Source: <c>gpt_oss/torch/model.py</c>, <c>ModelConfig</c>, and the published <c>config.json</c> files. Values are trusted only
/// after the config reader has checked them.
/// </remarks>
public sealed record GptOssConfig
{
    /// <summary>Transformer layers. 24 (20b), 36 (120b).</summary>
    public required int NumHiddenLayers { get; init; }

    /// <summary>Experts per layer. 32 (20b), 128 (120b).</summary>
    public required int NumExperts { get; init; }

    /// <summary>Experts that each token uses. 4 in both released models.</summary>
    public required int ExpertsPerToken { get; init; }

    /// <summary>Rows of the embedding and of the unembedding. 201,088 in both released models.</summary>
    public required int VocabSize { get; init; }

    /// <summary>Width of the residual stream, in channels. 2880 in both released models.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Inner width of an expert, in channels. 2880 in both released models.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Query heads. 64 in both released models.</summary>
    public required int NumAttentionHeads { get; init; }

    /// <summary>Key/value heads. 8 in both released models.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>Channels of one head. 64 in both released models; never HiddenSize / heads.</summary>
    public required int HeadDim { get; init; }

    /// <summary>Keys that a sliding layer sees, the current token included; 0 means full attention. 128 in both released models.</summary>
    public int SlidingWindow { get; init; } = 128;

    /// <summary>Which layers slide; null means the published pattern, the even ones.</summary>
    public IReadOnlyList<bool>? SlidingLayers { get; init; }

    /// <summary>Clamp of the SwiGLU inputs, in activation units. 7 in both released models.</summary>
    public float SwigluLimit { get; init; } = 7.0f;

    /// <summary>Factor α inside the SwiGLU sigmoid: 1.702.</summary>
    public float SwigluAlpha { get; init; } = 1.702f;

    /// <summary>Added to the mean square inside the RMSNorm root: 1e-5.</summary>
    public float RmsNormEps { get; init; } = 1e-5f;

    /// <summary>Base of the rotary frequencies. 150,000 in both released models.</summary>
    public float RopeTheta { get; init; } = 150_000f;

    /// <summary>Context length before YaRN scaling, in positions: 4096.</summary>
    public int InitialContextLength { get; init; } = 4096;

    /// <summary>YaRN scaling factor s; at most 1 means no scaling. 32 in both released models.</summary>
    public float RopeScalingFactor { get; init; } = 32f;

    /// <summary>YaRN slow bound α, in turns over the initial context: 1.</summary>
    public float RopeNtkAlpha { get; init; } = 1f;

    /// <summary>YaRN fast bound β, in turns over the initial context: 32.</summary>
    public float RopeNtkBeta { get; init; } = 32f;

    /// <summary>
    /// Whether the bounds of YaRN's ramp are rounded to whole pairs, as llama.cpp does. False in both released models; true only where it was asked
    /// for.
    /// </summary>
    public bool RoundsYarnBounds { get; init; }

    /// <summary>Positions the model can hold. 131,072 in both released models.</summary>
    public int MaxPositions { get; init; } = 131_072;

    /// <summary>Channels of all query heads: 64 · 64 = 4096.</summary>
    public int QuerySize => NumAttentionHeads * HeadDim;

    /// <summary>Channels of all key heads (and of all value heads): 8 · 64 = 512.</summary>
    public int KeyValueSize => NumKeyValueHeads * HeadDim;

    /// <summary>Query heads that share one key/value head: 64 / 8 = 8.</summary>
    public int QueriesPerKeyValueHead => NumAttentionHeads / NumKeyValueHeads;

    /// <summary>The window of layer <paramref name="layer"/>, in keys, or null where it sees the whole context.</summary>
    public int? WindowOf(int layer) =>
        SlidingWindow > 0 && (SlidingLayers is null ? layer % 2 == 0 : SlidingLayers[layer]) ? SlidingWindow : null;
}
