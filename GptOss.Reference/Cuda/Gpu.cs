namespace GptOss.Reference.Cuda;

/// <summary>
/// A card as those see it who use it: memory by address, copies and launches, done in the order in which they are asked for. Kernels run the PTX of
/// <see cref="KernelImage"/>.
/// </summary>
internal abstract class Gpu : IDisposable
{
    /// <summary>What it calls itself.</summary>
    internal abstract string Name { get; }

    /// <summary>Memory that can still be allocated, about.</summary>
    internal abstract long FreeBytes { get; }

    /// <summary>Allocates memory; what is in it is undefined. The address is a multiple of 256.</summary>
    /// <exception cref="InsufficientMemoryException">There is not that much left.</exception>
    internal abstract ulong Allocate(long bytes);

    /// <summary>Allocates memory for weights, which nothing writes to again, and copies them there: up to three parts on end.</summary>
    /// <exception cref="InsufficientMemoryException">There is not that much left.</exception>
    internal abstract ulong Keep(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default);

    /// <summary>Frees what begins at an address.</summary>
    internal abstract void Free(ulong address);

    /// <summary>Copies to the card. The source may change once this returns.</summary>
    internal abstract void Upload(ReadOnlySpan<byte> from, ulong to);

    /// <summary>Copies from the card, after all that was asked for before.</summary>
    internal abstract void Download(ulong from, Span<byte> to);

    /// <summary>Copies within the card.</summary>
    internal abstract void Copy(ulong from, ulong to, int bytes);

    /// <summary>Starts a kernel.</summary>
    /// <param name="kernel">Its name in the PTX.</param>
    /// <param name="grid">Blocks.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="sharedBytes">Shared memory of a block beside what the kernel declares.</param>
    /// <param name="arguments">Its arguments.</param>
    internal abstract void Launch(string kernel, Grid grid, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments);

    /// <summary>Records launches in place of running them. Nothing but launches may be asked for meanwhile.</summary>
    /// <param name="launches">Asks for them.</param>
    /// <returns>What <see cref="Replay"/> takes, with the arguments as they were, until <see cref="Forget"/>.</returns>
    internal abstract nint Record(Action launches);

    /// <summary>Starts recorded launches again, in their order.</summary>
    internal abstract void Replay(nint recorded);

    /// <summary>Frees a recording.</summary>
    internal abstract void Forget(nint recorded);

    /// <summary>Waits until all that was asked for is done: what failed on the way fails here.</summary>
    internal abstract void Synchronize();

    /// <summary>Gives everything back.</summary>
    public abstract void Dispose();
}
