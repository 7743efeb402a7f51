using System.Runtime.InteropServices;
using GptOss.Reference.Cuda;
using GptOss.Reference.Numerics;
using GptOss.Reference.Numerics.Buffers;
using GptOss.Reference.Numerics.Lanes;
using GptOss.Reference.Tests.Cuda.Emulator;
using GptOss.Reference.Tests.Numerics;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>
/// A card beside the scalar kernels, and numbers that go to both. The card is emulated; with <c>GPTOSS_DEVICE=cuda</c> it is the first one of this
/// machine, but for kernels of a test's own.
/// </summary>
internal sealed class DeviceRun
{
    private static readonly Lazy<DriverGpu> Real = new(() => new(0));

    internal DeviceRun(int seed, PtxModule? module = null)
    {
        Gpu = module is null && Environment.GetEnvironmentVariable("GPTOSS_DEVICE") == "cuda" ? Real.Value : new EmulatedGpu(module, seed);
        Device = new(Gpu);
        Numbers = new(seed);
    }

    internal Gpu Gpu { get; }

    internal DeviceKernels Device { get; }

    internal Kernels Scalar { get; } = EveryWidth.Kernels(RegisterWidth.Scalar, Precision.Float32);

    internal Numbers Numbers { get; }

    internal static Rows Rows(float[] values, int width) => new(values, values.Length / width, width, width);

    /// <summary>Numbers of unit size, and special values among them.</summary>
    internal float[] Floats(int count, bool special = false, int every = 97)
    {
        float[] values = Numbers.Floats(count);
        for (int i = 0; special && i < count; i++)
            values[i] = Numbers.Below(every) == 0 ? Numbers.Specials[Numbers.Below(Numbers.Specials.Length)] : values[i];
        return values;
    }

    internal ulong Keep<T>(ReadOnlySpan<T> values) where T : unmanaged => Gpu.Keep(MemoryMarshal.AsBytes(values));

    internal ulong Keep(float[] values) => Keep<float>(values);

    /// <summary>Memory that kernels write to, with something in it.</summary>
    internal ulong Put<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        ulong address = Gpu.Allocate(MemoryMarshal.AsBytes(values).Length);
        Gpu.Upload(MemoryMarshal.AsBytes(values), address);
        return address;
    }

    internal ulong Empty(int words) => Gpu.Allocate(sizeof(float) * (long)words);

    internal T[] Get<T>(ulong address, int count) where T : unmanaged
    {
        var values = new T[count];
        Gpu.Download(address, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    internal void RequireSame(float[] expected, ulong address, string what) => Bits.Equal(expected, Get<float>(address, expected.Length), what);
}
