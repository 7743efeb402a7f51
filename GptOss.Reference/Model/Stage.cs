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
        Stage.MlpResidual => $"block.{layer}.mlp.residual",
        _ => throw new ArgumentOutOfRangeException(nameof(stage)),
    };
}

/// <summary>Which token a row belongs to.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Position">Absolute 0-based position in it.</param>
public readonly record struct RowOrigin(Sequence Sequence, int Position);

/// <summary>Is shown every stage of a forward pass. A struct type argument: when <see cref="IsActive"/> is false its calls are compiled away.</summary>
public interface IStageObserver
{
    /// <summary>Whether anything is observed at all.</summary>
    static abstract bool IsActive { get; }

    /// <summary>A stage of one layer (−1 outside the layers).</summary>
    /// <param name="stage">Which one; never <see cref="Stage.Experts"/>.</param>
    /// <param name="layer">0-based layer, or −1.</param>
    /// <param name="origins">The token of each row.</param>
    /// <param name="values">One row a token; valid only during the call.</param>
    void Observe(Stage stage, int layer, ReadOnlySpan<RowOrigin> origins, Rows values);

    /// <summary>The experts of one layer, <paramref name="perToken"/> for each row, best first.</summary>
    void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, ReadOnlySpan<int> experts, int perToken);
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
    public void ObserveExperts(int layer, ReadOnlySpan<RowOrigin> origins, ReadOnlySpan<int> experts, int perToken)
    {
    }
}
