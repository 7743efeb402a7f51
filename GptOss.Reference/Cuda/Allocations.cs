using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Formats;

namespace GptOss.Reference.Cuda;

/// <summary>What a model holds of the card's memory: everything is given back at once.</summary>
/// <param name="gpu">The card.</param>
/// <param name="uploading">Receives the bytes of weights as they are copied, or null.</param>
internal sealed class Allocations(Gpu gpu, IProgress<long>? uploading) : IDisposable
{
    private readonly List<ulong> _addresses = [];

    /// <summary>The card.</summary>
    internal Gpu Gpu => gpu;

    /// <summary>Memory that kernels write to.</summary>
    /// <exception cref="DeviceException">There is not that much left.</exception>
    internal ulong Allocate(long bytes)
    {
        try
        {
            ulong address = gpu.Allocate(bytes);
            _addresses.Add(address);
            return address;
        }
        catch (InsufficientMemoryException e)
        {
            throw new DeviceException(e.Message, e);
        }
    }

    /// <summary>Gives memory back before the rest.</summary>
    internal void Free(ulong address)
    {
        if (_addresses.Remove(address))
            gpu.Free(address);
    }

    /// <summary>Where what is allocated from now on begins in the list, for <see cref="FreeFrom"/>.</summary>
    internal int Count => _addresses.Count;

    /// <summary>Gives back what was allocated since.</summary>
    internal void FreeFrom(int count)
    {
        while (_addresses.Count > count)
        {
            gpu.Free(_addresses[^1]);
            _addresses.RemoveAt(_addresses.Count - 1);
        }
    }

    /// <summary>float32 weights.</summary>
    internal ulong Keep(ReadOnlySpan<float> values) => Keep(MemoryMarshal.AsBytes(values));

    /// <summary>A bfloat16 matrix as the checkpoint has it, in one part or in three, and its bias.</summary>
    /// <exception cref="DeviceException">It is stored in another format, or there is not enough memory.</exception>
    internal DeviceMatrix Keep(string name, IReadOnlyList<Weights> parts, IReadOnlyList<StoredVector> bias)
    {
        ReadOnlySpan<byte> Bytes(int part) => part < parts.Count ? MemoryMarshal.AsBytes(((Bf16Matrix)parts[part]).Data.Span) : default;
        foreach (Weights part in parts)
        {
            if (part is not Bf16Matrix)
                throw new DeviceException($"The GPU runs dense weights in bfloat16, as published; {name} is in {part.Format}.");
            part.RequireNumbers(0);
        }
        ulong data = Keep(Bytes(0), Bytes(1), Bytes(2));
        return new(data, bias.Count == 0 ? 0 : Keep([.. bias.SelectMany(part => part.ToArray())]), parts.Sum(part => part.Rows), parts[0].Columns);
    }

    /// <summary>MXFP4 experts as the checkpoint has them, and their bias.</summary>
    /// <exception cref="DeviceException">They are stored in another format, or there is not enough memory.</exception>
    internal DeviceExperts Keep(string name, IReadOnlyList<Weights> parts, StoredVector bias)
    {
        if (parts is not [Mxfp4Experts experts])
            throw new DeviceException($"The GPU runs experts in MXFP4, as published; {name} is in {parts[0].Format}, {Parts(parts.Count)}.");
        for (int expert = 0; expert < experts.Count; expert++)
            experts.RequireNumbers(expert);
        return new(Keep(experts.Blocks.Span), Keep(experts.Scales.Span), Keep(bias.ToArray()), experts.Rows, experts.Columns,
            experts.Scales.Span.ContainsAnyExceptInRange((byte)0, (byte)128));
    }

    /// <summary>Gives everything back that the card still has.</summary>
    public void Dispose()
    {
        try
        {
            FreeFrom(0);
        }
        catch (Exception e) when (e is DeviceException or ObjectDisposedException)
        {
            _addresses.Clear();                        // the card is closed, or broken: its memory goes with the process
        }
    }

    private static string Parts(int count) => count == 1 ? "in one matrix" : $"in {count} matrices";

    private ulong Keep(ReadOnlySpan<byte> weights, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default)
    {
        ulong address = gpu.Keep(weights, second, third);
        _addresses.Add(address);
        uploading?.Report((long)weights.Length + second.Length + third.Length);
        return address;
    }
}
