using GptOss.Reference.Model.Stages;

namespace GptOss.Reference.Oracle.Dumps;

/// <summary>What other implementations call the stages.</summary>
/// <remarks>
/// Sources: ggml-org/llama.cpp, <c>src/models/openai-moe-iswa.cpp</c> (commit 5c880d9), names as its evaluation callback shows them; transformers 5.23.0,
/// <c>models/gpt_oss/modeling_gpt_oss.py</c>, and openai/gpt-oss, <c>gpt_oss/torch/model.py</c> (commit 7b58334), the module whose output the stage is, or whose
/// input where <c>.input</c> follows; members of a tuple by <c>.0</c>, <c>.1</c>, <c>.2</c>. llama.cpp gives a name to up to three tensors: <c>#2</c> is the second
/// of its name. After the first two come bias and rotation, so the last <c>Qcur-N</c> is the rotated one, and so is the only one where others were overwritten.
/// </remarks>
internal static class StageAliases
{
    /// <summary>A stage and the tensor that holds it, or the tensors that do when their rows are joined. N is the layer.</summary>
    internal readonly record struct Alias(Stage Stage, params string[] Names);

    internal static readonly Alias[] All =
    [
        // llama.cpp
        new(Stage.AttentionNorm, "attn_norm-N"),
        new(Stage.Qkv, "Qcur-N#2", "Kcur-N#2", "Vcur-N#2"),
        new(Stage.Query, "Qcur-N#3"),
        new(Stage.Query, "Qcur-N"),
        new(Stage.Key, "Kcur-N#3"),
        new(Stage.Key, "Kcur-N"),
        new(Stage.AttentionResidual, "ffn_inp-N"),
        new(Stage.MlpNorm, "attn_post_norm-N"),
        new(Stage.MlpResidual, "l_out-N"),
        new(Stage.Norm, "result_norm"),
        new(Stage.Logits, "result_output"),

        // transformers
        new(Stage.Embedding, "model.embed_tokens"),
        new(Stage.AttentionNorm, "model.layers.N.input_layernorm"),
        new(Stage.Qkv, "model.layers.N.self_attn.q_proj", "model.layers.N.self_attn.k_proj", "model.layers.N.self_attn.v_proj"),
        new(Stage.Heads, "model.layers.N.self_attn.o_proj.input"),
        new(Stage.AttentionResidual, "model.layers.N.post_attention_layernorm.input"),
        new(Stage.MlpNorm, "model.layers.N.post_attention_layernorm"),
        new(Stage.Router, "model.layers.N.mlp.router.0"),
        new(Stage.Router, "model.layers.N.mlp.router"),
        new(Stage.ExpertWeights, "model.layers.N.mlp.router.1"),
        new(Stage.Experts, "model.layers.N.mlp.router.2"),
        new(Stage.MlpResidual, "model.layers.N"),
        new(Stage.Norm, "model.norm"),
        new(Stage.Logits, "lm_head"),

        // gpt_oss/torch; names that are the stages' own are left out
        new(Stage.Query, "block.N.attn.rope.0"),
        new(Stage.Key, "block.N.attn.rope.1"),
        new(Stage.Heads, "block.N.attn.out.input"),
        new(Stage.AttentionResidual, "block.N.attn"),
        new(Stage.Router, "block.N.mlp.gate"),
        new(Stage.MlpResidual, "block.N.mlp"),
        new(Stage.Logits, "unembedding"),

        // packs: the last id's logits alone, and the sound model's beside those of mistakes
        new(Stage.Logits, "logits.last"),
        new(Stage.Logits, "sound"),
    ];
}
