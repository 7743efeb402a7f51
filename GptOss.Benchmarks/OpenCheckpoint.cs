using BenchmarkDotNet.Attributes;
using GptOss.Reference.Checkpoints;
using GptOss.Reference.Oracle.Synthetic;

namespace GptOss.Benchmarks;

/// <summary>How long does opening take before the first token: mapping, checking every rule, building every view?</summary>
public class OpenCheckpoint
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"gptoss-open-{Environment.ProcessId}");

    /// <summary>Writes a checkpoint with as many tensors as the 20b.</summary>
    [GlobalSetup]
    public void Setup() => SyntheticCheckpoint.Write(_folder, """
        { "num_hidden_layers": 24, "num_experts": 32, "experts_per_token": 4, "vocab_size": 512, "hidden_size": 64, "intermediate_size": 64, "swiglu_limit": 7.0,
          "head_dim": 64, "num_attention_heads": 8, "num_key_value_heads": 2, "sliding_window": 128, "initial_context_length": 4096, "rope_theta": 150000.0,
          "rope_scaling_factor": 32.0, "rope_ntk_alpha": 1.0, "rope_ntk_beta": 32.0 }
        """, seed: 1, force: true);

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(_folder, recursive: true);

    /// <summary>363 tensors.</summary>
    [Benchmark]
    public int Open()
    {
        using Checkpoint checkpoint = Checkpoint.Open(_folder);
        return checkpoint.Tensors.Count;
    }
}
