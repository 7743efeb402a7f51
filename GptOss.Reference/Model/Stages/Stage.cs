namespace GptOss.Reference.Model.Stages;

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

    /// <summary>
    /// Outputs of the chosen experts before they are weighted, [k · hidden]. Observers receive it; packs and traces, of which it would be the largest
    /// stage, leave it out.
    /// </summary>
    ExpertOutputs,

    /// <summary>Residual stream after the expert block, [hidden].</summary>
    MlpResidual,

    /// <summary>Final norm, [hidden], of the rows whose logits are wanted.</summary>
    Norm,

    /// <summary>Logits, [vocabulary], of the rows whose logits are wanted.</summary>
    Logits,
}
