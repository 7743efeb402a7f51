using System.Buffers;

namespace GptOss.Reference.Tests.Numerics.Products;

/// <summary>Zeros with a protected page right behind the last: a kernel that reads further ends the process.</summary>
internal sealed unsafe class LastElements<T>(int count) : MemoryManager<T> where T : unmanaged
{
    private readonly byte* _first = ProtectedPages.Take(count * sizeof(T));

    public override Span<T> GetSpan() => new(_first, count);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_first + elementIndex * sizeof(T));

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => ProtectedPages.Release(_first, count * sizeof(T));
}
