using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Attention;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Benchmarks;

/// <summary>How fast is one token's attention over a filled cache, up to the whole context?</summary>
public class DecodeAttention : KernelBenchmark, IWork
{
    private const int Heads = 64, KeyValueHeads = 8, HeadDim = 64;
    private readonly float[] _sinks = new float[Heads];
    private readonly Memory<float> _q = Normal(Heads * HeadDim, 5), _output = AlignedBuffer.Allocate<float>(Heads * HeadDim);
    private QueryRow[] _rows = [];

    /// <summary>Cached positions.</summary>
    [Params(128, 2048, 131072)]
    public int Positions { get; set; }

    /// <inheritdoc/>
    public double BytesRead => 2.0 * Positions * KeyValueHeads * HeadDim * sizeof(float);

    /// <inheritdoc/>
    public double Operations => 4.0 * Positions * Heads * HeadDim;

    /// <summary>Fills the cache and starts the workers.</summary>
    [GlobalSetup]
    public void Setup()
    {
        Start();
        HostCache cache = new(KeyValueHeads, HeadDim, ringPositions: null, bfloat16: false);
        cache.Reserve(0, Positions);
        ReadOnlySpan<float> values = Normal(65536, 6).Span;
        for (int p = 0; p < Positions; p++)
            cache.Write(p, values.Slice(p * 61 % 60_000, KeyValueHeads * HeadDim), values.Slice(p * 67 % 60_000, KeyValueHeads * HeadDim));
        _rows = [new(cache, Positions - 1)];
    }

    /// <summary>Scores, softmax with the sink, mix.</summary>
    [Benchmark]
    public void Attend() => Kernels.Attention.Attend(
        _rows, new(_q.Span, 1, Heads * HeadDim, Heads * HeadDim), _sinks, KeyValueHeads, HeadDim, null,
        new(_output.Span, 1, Heads * HeadDim, Heads * HeadDim));
}
