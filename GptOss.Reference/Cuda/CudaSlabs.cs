namespace GptOss.Reference.Cuda;

/// <summary>Memory of the card in small pieces, cut from few large allocations; all of it is returned with the model.</summary>
/// <param name="memory">The card's.</param>
/// <param name="slabBytes">How large an allocation is.</param>
internal sealed class CudaSlabs(Allocations memory, long slabBytes)
{
    private const int Alignment = 256;

    private ulong _next;
    private long _left;

    /// <summary>A piece; what is in it is undefined.</summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="most">The most that may be allocated for it and those after it, at least <paramref name="bytes"/>.</param>
    /// <exception cref="DeviceException">There is not that much left.</exception>
    internal ulong Take(long bytes, long most = long.MaxValue)
    {
        bytes = (bytes + Alignment - 1) / Alignment * Alignment;
        if (_left < bytes)
            Allocate(bytes, Math.Max(bytes, Math.Min(slabBytes, most)));
        ulong taken = _next;
        _next += (ulong)bytes;
        _left -= bytes;
        return taken;
    }

    /// <summary>Another slab; a smaller one where the card has no more.</summary>
    private void Allocate(long least, long bytes)
    {
        while (true)
        {
            try
            {
                _next = memory.Allocate(bytes);
                _left = bytes;
                return;
            }
            catch (DeviceException e) when (e.InnerException is InsufficientMemoryException && bytes > least)
            {
                bytes = Math.Max(least, bytes / 2 / least * least);
            }
        }
    }
}
