using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Benchmarks;

/// <summary>
/// What does the fixed order cost against a library that may add in any order? 64 dot products of 2880 numbers out of the L2 cache; compare at one
/// thread.
/// </summary>
public class DotPeers : KernelBenchmark, IWork
{
    private const int Rows = 64;
    private readonly Bf16Matrix _w = new(NormalBf16(Rows * Hidden, 2), Rows, Hidden);
    private readonly Memory<float> _x = Normal(Hidden, 1), _wide = Normal(Rows * Hidden, 2), _y = AlignedBuffer.Allocate<float>(Rows);

    /// <inheritdoc/>
    public double BytesRead => 0;

    /// <inheritdoc/>
    public double Operations => 2.0 * Rows * Hidden;

    /// <summary>Starts the workers.</summary>
    [GlobalSetup]
    public void Setup() => Start();

    /// <summary>Ours: float32 · bfloat16 in the order of the contract.</summary>
    [Benchmark(Baseline = true)]
    public void Ours() => Kernels.Products.Linear(new(_x.Span, 1, Hidden, Hidden), _w, default, new(_y.Span, 1, Rows, Rows));

    /// <summary>System.Numerics.Tensors: float32 · float32 in its own order, always at the machine's widest registers.</summary>
    [Benchmark]
    public void TensorPrimitivesDot()
    {
        for (int row = 0; row < Rows; row++)
            _y.Span[row] = TensorPrimitives.Dot<float>(_x.Span, _wide.Span.Slice(row * Hidden, Hidden));
    }
}
