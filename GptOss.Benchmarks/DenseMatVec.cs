using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Benchmarks;

/// <summary>How fast is one token through a dense bfloat16 matrix? 40,000 × 2880, which no cache holds: a fifth of the unembedding.</summary>
public class DenseMatVec : KernelBenchmark, IWork
{
    private const int Rows = 40_000;
    private Weights _w = new Bf16Matrix(NormalBf16(Rows * Hidden, 1), Rows, Hidden);
    private readonly Memory<float> _x = Normal(Hidden, 2), _y = AlignedBuffer.Allocate<float>(Rows);

    /// <summary>Weights packed without loss.</summary>
    [Params(false, true)]
    public bool Packed { get; set; }

    /// <inheritdoc/>
    public double BytesRead => _w.Bytes;

    /// <inheritdoc/>
    public double Operations => 2.0 * Rows * Hidden;

    /// <summary>Starts the workers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Start();
        if (Packed)
            _w = _w.Packed(Pool);
    }

    /// <summary>y = W·x.</summary>
    [Benchmark]
    public void MatVec() => Kernels.Products.Linear(new(_x.Span, 1, Hidden, Hidden), _w, default, new(_y.Span, 1, Rows, Rows));
}
