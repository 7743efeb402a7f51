using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Benchmarks;

/// <summary>How fast is a prompt through the q/k/v projection?</summary>
public class DensePrefill : KernelBenchmark, IWork
{
    private const int Rows = 5120;
    private readonly Bf16Matrix _w = new(NormalBf16(Rows * Hidden, 1), Rows, Hidden);
    private Memory<float> _x, _y;

    /// <summary>Tokens of the prompt.</summary>
    [Params(2, 4, 8, 32, 512)]
    public int Tokens { get; set; }

    /// <inheritdoc/>
    public double BytesRead => 0;

    /// <inheritdoc/>
    public double Operations => 2.0 * Tokens * Rows * Hidden;

    /// <summary>Fills the activations and starts the workers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Start();
        _x = Normal(Tokens * Hidden, 2);
        _y = AlignedBuffer.Allocate<float>(Tokens * Rows);
    }

    /// <summary>Y = X·Wᵀ.</summary>
    [Benchmark]
    public void MatMul() => Kernels.Products.Linear(new(_x.Span, Tokens, Hidden, Hidden), _w, default, new(_y.Span, Tokens, Rows, Rows));
}
