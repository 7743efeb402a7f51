using System.Runtime.InteropServices;

namespace GptOss.Reference.Checkpoints.Storage;

/// <summary>Memory of this process alone, on large pages where the system has them.</summary>
/// <remarks>Unlike mapped pages it is not dropped when unused, and a large page takes one TLB entry instead of 512.</remarks>
internal sealed unsafe partial class PrivateMemory : SafeBuffer
{
    private const int LargePage = 2 << 20, AdviseHugePage = 14;

    /// <summary>Takes <paramref name="bytes"/>, uninitialised.</summary>
    /// <exception cref="OutOfMemoryException">There is not so much.</exception>
    internal PrivateMemory(long bytes) : base(ownsHandle: true)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, LargePage);
        SetHandle((nint)memory);
        Initialize((ulong)bytes);
        try
        {
            if (OperatingSystem.IsLinux())
                _ = Advise((nint)memory, (nuint)bytes, AdviseHugePage);      // a hint: ordinary pages serve as well, only slower
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // A system without that call keeps ordinary pages.
        }
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nuint bytes, int advice);
}
