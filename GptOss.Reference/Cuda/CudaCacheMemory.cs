using GptOss.Reference.Numerics.Caches;

namespace GptOss.Reference.Cuda;

/// <summary>
/// Pages on the card. It always has a limit, so pages that sequences return are reused; the card's memory is returned with the model. Sequences may
/// return pages from any thread, for nothing is asked of the card then.
/// </summary>
/// <param name="memory">The card's.</param>
/// <param name="pageBytes">Bytes of a page.</param>
/// <param name="limit">The most bytes of pages.</param>
internal sealed class CudaCacheMemory(Allocations memory, int pageBytes, long limit) : CacheMemory(pageBytes, limit)
{
    /// <inheritdoc/>
    internal override void Copy(CachePage from, CachePage to) => memory.Gpu.Copy(((CudaPage)from).Address, ((CudaPage)to).Address, pageBytes);

    /// <inheritdoc/>
    private protected override CachePage NewPage() => new CudaPage(this, memory.Allocate(pageBytes));
}
