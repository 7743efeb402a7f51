using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace GptOss.Reference.Numerics.Buffers;

/// <summary>Garbage-collected memory that begins on a 64-byte boundary and never moves, so that no register load straddles two cache lines.</summary>
internal static unsafe class AlignedBuffer
{
    private const int Alignment = 64;

    /// <summary><paramref name="length"/> elements, not cleared.</summary>
    internal static Memory<T> Allocate<T>(int length) where T : unmanaged
    {
        int spare = Alignment / sizeof(T);
        T[] array = GC.AllocateUninitializedArray<T>(checked(length + spare), pinned: true);
        nuint address = (nuint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        int skip = (int)((Alignment - address % Alignment) % Alignment) / sizeof(T);
        return array.AsMemory(skip, length);
    }
}
