namespace GptOss.Reference.Checkpoints.Configuration;

/// <summary>Dialects of tensor names, configuration and file sets.</summary>
public enum CheckpointLayout
{
    /// <summary>As OpenAI stores it: <c>block.0.attn.qkv.weight</c>, query, key and value joined, no index file.</summary>
    Original,

    /// <summary>As transformers stores it: <c>model.layers.0.self_attn.q_proj.weight</c>, with <c>model.safetensors.index.json</c>.</summary>
    HuggingFace,

    /// <summary>One GGUF file or a split set, which holds configuration and vocabulary too, in llama.cpp's or Ollama's names.</summary>
    Gguf,
}
