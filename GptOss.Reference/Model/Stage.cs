using GptOss.Reference.Numerics;

namespace GptOss.Reference.Model;

/// <summary>The points of the forward pass that can be observed, in forward order.</summary>
public enum Stage
{
    /// <summary>Embedded tokens, [hidden].</summary>
    Embedding,

    /// <summary>Normalised input of the attention block, [hidden].</summary>
    AttentionNorm,

    /// <summary>Queries, keys and values before rotation, [(heads + 2·kvHeads) · headDim].</summary>
    Qkv,

    /// <summary>Rotated queries, [heads · headDim].</summary>
    Query,

    /// <summary>Rotated keys, [kvHeads · headDim].</summary>
    Key,

    /// <summary>Attention output before the out projection, [heads · headDim].</summary>
    Heads,

    /// <summary>Residual stream after the attention block, [hidden].</summary>
    AttentionResidual,

    /// <summary>Normalised input of the expert block, [hidden].</summary>
    MlpNorm,

    /// <summary>Router logits, [experts].</summary>
    Router,

    /// <summary>Chosen experts, best first, [k].</summary>
    Experts,

    /// <summary>Weights of the chosen experts, [k].</summary>
    ExpertWeights,

    /// <summary>SwiGLU outputs of the chosen experts, [k · intermediate].</summary>
    SwiGlu,

    /// <summary>Outputs of the chosen experts before they are weighted, [k · hidden]. Can be watched and is in no pack or trace, where it would be the largest stage of all.</summary>
    ExpertOutputs,

    /// <summary>Residual stream after the expert block, [hidden].</summary>
    MlpResidual,

    /// <summary>Final norm, [hidden], of the rows whose logits are wanted.</summary>
    Norm,

    /// <summary>Logits, [vocabulary], of the rows whose logits are wanted.</summary>
    Logits,
}

/// <summary>How stages are called in golden packs and traces.</summary>
public static class StageNames
{
    /// <summary>The name, such as <c>block.3.attn.qkv</c>; stages outside the layers ignore <paramref name="layer"/>.</summary>
    public static string Of(Stage stage, int layer) => stage switch
    {
        Stage.Embedding => "embedding",
        Stage.Norm => "norm",
        Stage.Logits => "logits",
        Stage.AttentionNorm => $"block.{layer}.attn.norm",
        Stage.Qkv => $"block.{layer}.attn.qkv",
        Stage.Query => $"block.{layer}.attn.q",
        Stage.Key => $"block.{layer}.attn.k",
        Stage.Heads => $"block.{layer}.attn.heads",
        Stage.AttentionResidual => $"block.{layer}.attn.residual",
        Stage.MlpNorm => $"block.{layer}.mlp.norm",
        Stage.Router => $"block.{layer}.mlp.router",
        Stage.Experts => $"block.{layer}.mlp.experts",
        Stage.ExpertWeights => $"block.{layer}.mlp.weights",
        Stage.SwiGlu => $"block.{layer}.mlp.swiglu",
        Stage.ExpertOutputs => $"block.{layer}.mlp.outputs",
        Stage.MlpResidual => $"block.{layer}.mlp.residual",
        _ => throw new ArgumentOutOfRangeException(nameof(stage)),
    };
}

/// <summary>Which token a row belongs to.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Position">Absolute 0-based position in it.</param>
public readonly record struct RowOrigin(Sequence Sequence, int Position);

/// <summary>Is shown every stage of a forward pass before it is used. A struct type argument: when <see cref="IsActive"/> is false its calls are compiled away.</summary>
/// <remarks>
/// What is shown is what the pass goes on with: an observer may write to it. One that writes nothing changes no bit. What it writes is used as
/// it stands; in the bfloat16 profile nobody rounds it before the next operation that rounds, only the cache stores it as bfloat16. An exception
/// that it throws ends the pass, whose tokens are not counted.
/// </remarks>
public interface IStageObserver
{
    /// <summary>Whether anything is observed at all.</summary>
    static abstract bool IsActive { get; }

    /// <summary>Whether <see cref="ObserveAttention"/> is to be called: probabilities are computed once more for it, and only then.</summary>
    static virtual bool SeesAttention => false;

    /// <summary>A stage of one layer (−1 outside the layers), before it is used.</summary>
    /// <param name="stage">Which one; never <see cref="Stage.Experts"/>.</param>
    /// <param name="layer">0-based layer, or −1.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="values">One row a token, which may be changed; valid only during the call.</param>
    void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values);

    /// <summary>
    /// The experts of one layer, which may be exchanged for others: the weights are then the softmax over the router logits of those that
    /// are left here, <see cref="Stage.ExpertWeights"/>. Their outputs are summed in the order in which they stand.
    /// </summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="router">Router logits, [tokens, experts]; changes come too late for the choice and count for the weights.</param>
    /// <param name="experts">[tokens · perToken]: those of each row, best first. A row must hold different ones.</param>
    /// <param name="perToken">Experts of a row.</param>
    void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken);

    /// <summary>Whether <see cref="ObserveAttention"/> is wanted for a token of a layer. A long context costs a pass over its keys for every head.</summary>
    bool WantsAttention(int layer, RowOrigin origin) => true;

    /// <summary>What one head of one token gives to each key that it sees and to the sink, before <see cref="Stage.Heads"/>. All sum to one, up to rounding.</summary>
    /// <param name="layer">0-based layer.</param>
    /// <param name="origin">The token.</param>
    /// <param name="head">0-based query head.</param>
    /// <param name="probabilities">The shares of positions <c>origin.Position − Length + 1</c> … <c>origin.Position</c>; valid only during the call.</param>
    /// <param name="sink">The sink's share, which brings no value.</param>
    void ObserveAttention(int layer, RowOrigin origin, int head, ReadOnlySpan<float> probabilities, float sink)
    {
    }
}

/// <summary>Observes nothing.</summary>
public readonly struct NoObserver : IStageObserver
{
    /// <inheritdoc/>
    public static bool IsActive => false;

    /// <inheritdoc/>
    public void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values)
    {
    }

    /// <inheritdoc/>
    public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, Rows router, Span<int> experts, int perToken)
    {
    }
}
