using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;

namespace GptOss.Benchmarks;

/// <summary>What does the fixed order cost against a library that may add in any order? 2880 numbers out of the cache.</summary>
public class DotPeers : KernelBenchmark
{
    private readonly Memory<float> _x = Normal(Hidden, 1), _y = Normal(Hidden, 2);
    private readonly ushort[] _w = NormalBf16(Hidden, 2);

    /// <summary>Starts the workers.</summary>
    [GlobalSetup]
    public void Setup() => Start();

    /// <summary>Ours: float32 · bfloat16 in the order of the contract.</summary>
    [Benchmark(Baseline = true)]
    public float Ours() => Kernels.Dot(_x.Span, _w);

    /// <summary>System.Numerics.Tensors: float32 · float32 in its own order.</summary>
    [Benchmark]
    public float TensorPrimitivesDot() => TensorPrimitives.Dot<float>(_x.Span, _y.Span);
}
