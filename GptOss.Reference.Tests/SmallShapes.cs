namespace GptOss.Reference.Tests;

/// <summary>Configurations in the original dialect for checkpoints that are made in a test.</summary>
internal static class SmallShapes
{
    /// <summary>Two layers, 512 ids, and a context of only 16 positions.</summary>
    internal const string SixteenPositions = """
        {
          "num_hidden_layers": 2, "num_experts": 4, "experts_per_token": 2, "vocab_size": 512, "hidden_size": 64, "intermediate_size": 32,
          "swiglu_limit": 7.0, "head_dim": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "sliding_window": 4,
          "initial_context_length": 16, "rope_theta": 150000.0, "rope_scaling_factor": 1.0, "rope_ntk_alpha": 1.0, "rope_ntk_beta": 32.0
        }
        """;
}
