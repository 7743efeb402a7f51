using GptOss.Reference.Cuda;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>A card of this process: the shipped PTX runs in a <see cref="Machine"/>.</summary>
/// <param name="module">The kernels; null for the shipped ones.</param>
/// <param name="seed">Of the order of blocks and warps; null for the plain order.</param>
/// <param name="bytes">Memory of the card.</param>
internal sealed class EmulatedGpu(PtxModule? module = null, int? seed = 1, long bytes = 1L << 32) : Gpu
{
    private static readonly Lazy<PtxModule> Shipped = new(() => PtxModule.Parse(KernelImage.Text));

    private readonly DeviceMemory _memory = new(bytes);
    private Machine? _machine;

    internal static PtxModule ShippedModule => Shipped.Value;

    internal override string Name => "emulated";

    internal override long FreeBytes => bytes - _memory.Used;

    internal long WarpInstructions => Machine.WarpInstructions;

    /// <summary>Allocations that were not freed.</summary>
    internal int Allocations => _memory.Count;

    /// <summary>Bytes that kernels have loaded so far from what begins at an address.</summary>
    internal long Loaded(ulong address) => _memory.Loaded(address);

    private Machine Machine => _machine ??= new(module ?? ShippedModule, _memory, seed is { } given ? new Random(given) : null);

    internal override ulong Allocate(long bytes) => _memory.Allocate(bytes, isReadOnly: false);

    internal override ulong Keep(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default)
    {
        int bytes = checked(weights.Length + second.Length + third.Length);
        ulong address = _memory.Allocate(bytes, isReadOnly: true);
        Span<byte> to = _memory.Write(address, bytes, isFirst: true);
        weights.CopyTo(to);
        second.CopyTo(to[weights.Length..]);
        third.CopyTo(to[(weights.Length + second.Length)..]);
        return address;
    }

    internal override void Free(ulong address) => _memory.Free(address);

    internal override void Upload(ReadOnlySpan<byte> from, ulong to) => from.CopyTo(_memory.Write(to, from.Length));

    internal override void Download(ulong from, Span<byte> to) => _memory.Read(from, to.Length).CopyTo(to);

    internal override void Copy(ulong from, ulong to, int bytes) => _memory.Copy(from, to, bytes);

    internal override void Launch(string kernel, Grid grid, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments) =>
        Machine.Launch(kernel, grid, threads, sharedBytes, arguments);

    internal override void Synchronize()
    {
    }

    public override void Dispose()
    {
    }
}
