using System.Runtime.InteropServices;

namespace GptOss.Reference.Tests.Numerics.Products;

/// <summary>Memory that ends at an unreadable page, on Linux.</summary>
internal static unsafe partial class ProtectedPages
{
    private const int None = 0, ReadWrite = 3, PrivateAnonymous = 0x22;

    /// <summary>The first of <paramref name="bytes"/> zeros that end where the protected page begins.</summary>
    internal static byte* Take(int bytes)
    {
        int before = Before(bytes);
        byte* map = Map(null, (nuint)(before + Environment.SystemPageSize), ReadWrite, PrivateAnonymous, -1, 0);
        if ((nint)map == -1 || Protect(map + before, (nuint)Environment.SystemPageSize, None) != 0)
            throw new InvalidOperationException($"No protected page behind {bytes} bytes: error {Marshal.GetLastPInvokeError()}.");
        return map + before - bytes;
    }

    /// <summary>Gives them back.</summary>
    internal static void Release(byte* first, int bytes) =>
        _ = Unmap(first + bytes - Before(bytes), (nuint)(Before(bytes) + Environment.SystemPageSize));

    private static int Before(int bytes) => (bytes + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* Map(void* place, nuint bytes, int access, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(void* place, nuint bytes, int access);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* place, nuint bytes);
}
