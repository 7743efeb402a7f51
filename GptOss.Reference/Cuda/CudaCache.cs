using System.Runtime.InteropServices;
using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>The keys and values of one layer of one sequence on the card, in the pages that <c>attention.cu</c> reads.</summary>
/// <param name="ringPositions">Positions of the ring, or null to keep every position.</param>
/// <param name="memory">Where pages come from.</param>
internal sealed class CudaCache(int? ringPositions, CudaCacheMemory memory) : LayerCache(ringPositions, memory)
{
    private CudaPageList? _list;

    /// <summary>The address of the list of its pages on the card, which is brought up to date.</summary>
    internal ulong UpdateList() => (_list = memory.Update(_list, AllPages)).Address;

    /// <inheritdoc/>
    internal override void Release()
    {
        base.Release();
        memory.Return(Interlocked.Exchange(ref _list, null));
    }

    /// <summary>The keys of the positions <paramref name="first"/> … <paramref name="end"/> − 1 in this process's memory.</summary>
    internal HostCache KeysToHost(Gpu gpu, in DeviceAttention shape, int first, int end)
    {
        HostCache host = new(shape.KeyValueHeads, shape.HeadDim, ringPositions: null, bfloat16: false);
        host.Reserve(first, end);
        for (int at = first, count; at < end; at += count)
        {
            int place = Place(at), slot = place % PagePositions;
            // As many as are in one page on both sides.
            count = Math.Min(Math.Min(end - at, PagePositions - at % PagePositions), Math.Min(PagePositions - slot, Places - place));
            ulong page = ((CudaPage)AllPages[place / PagePositions]!).Address;
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                ulong row = (ulong)(head * PagePositions + slot) * (ulong)shape.HeadDim;
                gpu.Download(page + sizeof(float) * row, MemoryMarshal.AsBytes(host.KeysToFill(head, at, count)));
            }
        }
        return host;
    }

    /// <inheritdoc/>
    private protected override LayerCache Empty() => new CudaCache(IsRing ? Places : null, memory);
}
