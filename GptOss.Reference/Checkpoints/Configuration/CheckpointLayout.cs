namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>The two published dialects of tensor names, configuration keys and file sets.</summary>
public enum CheckpointLayout
{
    /// <summary>As OpenAI stores it: <c>block.0.attn.qkv.weight</c>, query, key and value joined, no index file.</summary>
    Original,

    /// <summary>As transformers stores it: <c>model.layers.0.self_attn.q_proj.weight</c>, with <c>model.safetensors.index.json</c>.</summary>
    HuggingFace,
}
