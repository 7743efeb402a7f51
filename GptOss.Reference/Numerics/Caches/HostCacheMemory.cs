namespace GptOss.Reference.Numerics.Caches;

/// <summary>Pages in this process's memory.</summary>
/// <param name="pageFloats">Floats of a page.</param>
/// <param name="limit">The most bytes of pages; null for no limit.</param>
internal sealed class HostCacheMemory(int pageFloats, long? limit) : CacheMemory(sizeof(float) * (long)pageFloats, limit)
{
    /// <inheritdoc/>
    internal override void Copy(CachePage from, CachePage to) => ((HostPage)from).Data.CopyTo(((HostPage)to).Data);

    /// <inheritdoc/>
    private protected override CachePage NewPage() => new HostPage(this, pageFloats);
}
