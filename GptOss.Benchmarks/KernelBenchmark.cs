using BenchmarkDotNet.Attributes;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;

namespace GptOss.Benchmarks;

/// <summary>What the kernel benchmarks share: a width, a pool, and numbers that look like a trained model's.</summary>
public abstract class KernelBenchmark
{
    /// <summary>The published residual width.</summary>
    protected const int Hidden = 2880;

    /// <summary>Register width; one that the machine lacks is left out of the run.</summary>
    [ParamsSource(nameof(Widths))]
    public RegisterWidth Width { get; set; }

    /// <summary>Worker threads: 1, 2, 4, … up to the physical cores.</summary>
    [ParamsSource(nameof(ThreadCounts))]
    public int Threads { get; set; }

    /// <summary>The sweep over threads.</summary>
    public static IEnumerable<int> ThreadCounts =>
        Enumerable.Range(0, 11).Select(power => 1 << power).Where(threads => threads < Topology.PhysicalCores).Append(Topology.PhysicalCores);

    /// <summary>The widths of this machine, the scalar definition left out: it is some hundred times slower.</summary>
    public static IEnumerable<RegisterWidth> Widths => Enum.GetValues<RegisterWidth>().Where(w => w != RegisterWidth.Scalar && w.IsSupported());

    private protected Kernels Kernels { get; private set; } = null!;

    private protected WorkerPool Pool { get; private set; } = null!;

    private protected void Start()
    {
        Pool = new(Threads);
        Kernels = Kernels.Create(Width, Precision.Float32, Pool);
    }

    /// <summary>Stops the workers.</summary>
    [GlobalCleanup]
    public void Stop() => Pool.Dispose();

    /// <summary>Seeded, roughly normal numbers around zero: no subnormals, which would cost a microcode assist each.</summary>
    internal static Memory<float> Normal(int count, int seed)
    {
        Random random = new(seed);
        Memory<float> values = AlignedBuffer.Allocate<float>(count);
        foreach (ref float value in values.Span)
            value = (float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5);
        return values;
    }

    internal static ushort[] NormalBf16(int count, int seed)
    {
        ReadOnlySpan<float> pattern = Normal(65536 + 7, seed).Span;
        ushort[] values = new ushort[count];
        for (int i = 0; i < count; i++)
            values[i] = Bfloat16.FromSingle(pattern[i % pattern.Length]);
        return values;
    }
}
