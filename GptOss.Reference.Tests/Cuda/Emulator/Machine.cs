using System.Buffers.Binary;
using GptOss.Reference.Cuda;

namespace GptOss.Reference.Tests.Cuda.Emulator;

/// <summary>
/// Runs the kernels of a module on the processor, block after block and warp after warp in random order, and finds what a card would not say.
/// </summary>
/// <remarks>The limits are those that every card since Turing has without being asked for more.</remarks>
internal sealed class Machine(PtxModule module, DeviceMemory memory, Random? shuffle)
{
    internal const int MostThreads = 1024, MostSharedBytes = 48 * 1024, MostBlocksAside = 65535;

    /// <summary>Instructions of warps, so far.</summary>
    internal long WarpInstructions { get; private set; }

    internal void Launch(string name, Grid grid, int threads, int sharedBytes, ReadOnlySpan<KernelArgument> arguments)
    {
        if (!module.Entries.TryGetValue(name, out Entry? entry))
            throw new MachineFault($"There is no kernel {name}.");
        if (threads < 1 || threads > entry.MostThreads)
            throw new MachineFault($"{name}: {threads} threads; a block has 1 to {entry.MostThreads}.");
        if (grid.X < 1 || grid.Y is < 1 or > MostBlocksAside || grid.Z is < 1 or > MostBlocksAside)
            throw new MachineFault($"{name}: a grid of {grid.X} × {grid.Y} × {grid.Z}.");
        if (sharedBytes < 0 || entry.SharedBytes + sharedBytes > MostSharedBytes)
            throw new MachineFault($"{name}: {entry.SharedBytes} + {sharedBytes} bytes of shared memory; a block has {MostSharedBytes}.");
        byte[] parameters = Parameters(entry, arguments);

        SharedMemory shared = new(entry.SharedBytes + sharedBytes);
        var warps = new Warp[(threads + 31) / 32];
        for (int w = 0; w < warps.Length; w++)
            warps[w] = new(entry, parameters, memory, shared, 32 * w, Math.Min(32, threads - 32 * w), threads);
        memory.BeginLaunch();
        int[] blocks = [.. Enumerable.Range(0, checked(grid.X * grid.Y * grid.Z))];
        shuffle?.Shuffle(blocks);
        foreach (int block in blocks)
            RunBlock(entry, (block % grid.X, block / grid.X % grid.Y, block / grid.X / grid.Y), shared, warps);
    }

    private static byte[] Parameters(Entry entry, ReadOnlySpan<KernelArgument> arguments)
    {
        if (arguments.Length != entry.Parameters.Count)
            throw new MachineFault($"{entry.Name} takes {entry.Parameters.Count} arguments, not {arguments.Length}.");
        byte[] parameters = new byte[entry.Parameters.Count * sizeof(ulong)];
        for (int i = 0; i < arguments.Length; i++)
        {
            (int offset, int size) = entry.Parameters[i];
            if (arguments[i].Bytes != size)
                throw new MachineFault($"{entry.Name}: argument {i} has {arguments[i].Bytes} bytes, the parameter {size}.");
            if (size == sizeof(ulong))
                BinaryPrimitives.WriteUInt64LittleEndian(parameters.AsSpan(offset), arguments[i].Value);
            else
                BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(offset), (uint)arguments[i].Value);
        }
        return parameters;
    }

    private void RunBlock(Entry entry, (int X, int Y, int Z) block, SharedMemory shared, Warp[] warps)
    {
        shared.Clear();
        memory.BeginBlock();
        foreach (Warp warp in warps)
            warp.Begin(block);
        int[] order = [.. Enumerable.Range(0, warps.Length)];
        while (true)
        {
            shuffle?.Shuffle(order);
            foreach (int w in order)
                WarpInstructions += warps[w].Run();
            int[] barriers = [.. warps.SelectMany(warp => warp.Barriers).Distinct()];
            if (barriers.Length == 0)
                return;
            if (barriers.Length > 1)
                throw new MachineFault($"{entry.Name}: threads of one block wait at different barriers.");
            foreach (Warp warp in warps)
                warp.Release();
            shared.NextEpoch();
        }
    }
}
