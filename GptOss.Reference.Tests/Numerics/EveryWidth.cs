using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Numerics.Workers;
using Xunit;

namespace GptOss.Reference.Tests.Numerics;

/// <summary>Theory data over register widths. A width that the machine lacks is reported as skipped, never passed.</summary>
internal static class EveryWidth
{
    /// <summary>Lengths around the block of sixteen and of thirty-two, and the model's own.</summary>
    internal static readonly int[] Lengths = [0, 1, 15, 16, 17, 31, 32, 33, 2880];

    public static TheoryData<RegisterWidth> Alone => [.. Enum.GetValues<RegisterWidth>()];

    /// <summary>With the profiles whose products are sums of floats; those of the fast profile have tests of their own.</summary>
    public static TheoryData<RegisterWidth, Precision> AndPrecision
    {
        get
        {
            TheoryData<RegisterWidth, Precision> data = [];
            foreach (RegisterWidth width in Enum.GetValues<RegisterWidth>())
            {
                foreach (Precision precision in new[] { Precision.Float32, Precision.Bfloat16 })
                    data.Add(width, precision);
            }
            return data;
        }
    }

    /// <summary>The kernels of a width on <paramref name="threads"/> workers; skips the test where the machine lacks the width.</summary>
    internal static Kernels Kernels(RegisterWidth width, Precision precision, int threads = 1)
    {
        Require(width);
        return Reference.Numerics.Kernels.Create(width, precision, TestWorkers.Of(threads));
    }

    internal static void Require(RegisterWidth width) =>
        Assert.SkipUnless(width.IsSupported(), $"This machine has no {(int)width}-bit registers; the widest it offers is {RegisterWidths.Widest}.");
}

/// <summary>Worker pools that tests share: threads cost more to start than most kernels take.</summary>
internal static class TestWorkers
{
    private static readonly Dictionary<int, WorkerPool> Pools = [];

    /// <summary>Counts of threads that cut work evenly, unevenly, and into more parts than there are cores.</summary>
    internal static readonly int[] Counts = [1, 2, 3, 7];

    internal static WorkerPool Of(int threads)
    {
        lock (Pools)
        {
            if (!Pools.TryGetValue(threads, out WorkerPool? pool))
                Pools.Add(threads, pool = new WorkerPool(threads));
            return pool;
        }
    }
}
