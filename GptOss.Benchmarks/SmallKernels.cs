using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;

namespace GptOss.Benchmarks;

/// <summary>What do the kernels between the products cost a token? All at the published width.</summary>
public class SmallKernels : KernelBenchmark
{
    private readonly Memory<float> _x = Normal(2 * Hidden, 7), _y = AlignedBuffer.Allocate<float>(2 * Hidden), _gain = Normal(Hidden, 8);

    /// <summary>Starts the workers.</summary>
    [GlobalSetup]
    public void Setup() => Start();

    /// <summary>RMSNorm of one row.</summary>
    [Benchmark]
    public void RmsNorm() => Kernels.RowWise.RmsNorm(new(_x.Span, 1, Hidden, Hidden), _gain.Span, 1e-5f, new(_y.Span, 1, Hidden, Hidden));

    /// <summary>Clamped SwiGLU of one expert.</summary>
    [Benchmark]
    public void SwiGlu() => Kernels.RowWise.SwiGlu(new(_x.Span, 1, 2 * Hidden, 2 * Hidden), 1.702f, 7, new(_y.Span, 1, Hidden, Hidden));

    /// <summary>e^x of 2880 numbers.</summary>
    [Benchmark]
    public void Exp() => Kernels.RowWise.Exp(_x.Span[..Hidden], _y.Span[..Hidden]);
}
