namespace GptOss.Reference.Model.Stages;

/// <summary>The names of stages in golden packs and traces.</summary>
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
