using GptOss.Reference.Cuda;
using GptOss.Reference.Model;
using GptOss.Reference.Tests.Cuda.Emulator;

namespace GptOss.Reference.Tests.Cuda;

/// <summary>
/// The shipped device over an emulated card; with <c>GPTOSS_DEVICE=cuda</c> over the first one of this machine.
/// </summary>
internal sealed class EmulatedDevice : IDisposable
{
    private readonly CudaDevice _device;

    /// <param name="seed">Of the order of blocks and warps.</param>
    /// <param name="holds">Which layers' experts are on the card; null for as many as fit.</param>
    /// <param name="bytes">Memory of an emulated card.</param>
    internal EmulatedDevice(int seed = 1, Func<int, bool>? holds = null, long bytes = 1L << 32)
    {
        Gpu = Environment.GetEnvironmentVariable("GPTOSS_DEVICE") == "cuda" ? new DriverGpu(0) : new EmulatedGpu(null, seed, bytes);
        _device = new(Gpu, "cuda:0 (a card)", holds);
    }

    internal Gpu Gpu { get; }

    /// <summary>Allocations that were not given back; none where the card is not emulated.</summary>
    internal int Allocations => (Gpu as EmulatedGpu)?.Allocations ?? 0;

    /// <summary>What the card has run; −1 where it is not emulated.</summary>
    internal long WarpInstructions => (Gpu as EmulatedGpu)?.WarpInstructions ?? -1;

    /// <summary>How often recorded launches were replayed; −1 where the card is not emulated.</summary>
    internal int Replays => (Gpu as EmulatedGpu)?.Replays ?? -1;

    /// <summary>Recorded launches that were not given back; none where the card is not emulated.</summary>
    internal int Recordings => (Gpu as EmulatedGpu)?.Recordings ?? 0;

    internal Device Device => _device;

    internal Transformer Load(string folder, long? cacheBytes = null) =>
        Transformer.Load(folder, new ModelOptions { Threads = 1, Device = _device, CacheBytes = cacheBytes });

    public void Dispose() => _device.Dispose();
}
